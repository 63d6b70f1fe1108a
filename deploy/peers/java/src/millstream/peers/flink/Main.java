package millstream.peers.flink;

import java.util.Map;
import millstream.peers.tiles.Account;
import millstream.peers.tiles.Event;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.AbstractDeserializationSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** Flink with hand-written tiles in a keyed process function; a mini-cluster of one slot, for one core. */
public final class Main {
    private Main() {}

    /** Run until stopped. */
    public static void main(String[] arguments) throws Exception {
        Map<String, String> environment = System.getenv();
        Configuration configuration = new Configuration();
        configuration.set(StateBackendOptions.STATE_BACKEND, "hashmap");
        configuration.set(PipelineOptions.OBJECT_REUSE, true);
        StreamExecutionEnvironment flink = StreamExecutionEnvironment.createLocalEnvironment(1, configuration);
        KafkaSource<Event> source =
            KafkaSource.<Event>builder()
                .setBootstrapServers(environment.get("PEER_BROKER"))
                .setTopics(environment.get("PEER_TOPIC"))
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setProperty("max.poll.records", "2000")
                .setProperty("check.crcs", "false")
                .setValueOnlyDeserializer(new Decoder())
                .build();
        DataStream<Event> events = flink.fromSource(source, WatermarkStrategy.noWatermarks(), "events");
        // with one slot every key is at home: no shuffle, so that all is one chain and nothing is serialised
        DataStreamUtils.reinterpretAsKeyedStream(events, Event::accountId)
            .process(new Tiles())
            .returns(Account.class)
            .sinkTo(new RedisSink(environment.get("PEER_STORE")));
        flink.execute("peer-flink");
    }

    private static final class Decoder extends AbstractDeserializationSchema<Event> {
        @Override
        public Event deserialize(byte[] value) {
            return Event.of(value);
        }
    }

    private static final class Tiles extends KeyedProcessFunction<String, Event, Account> {
        private transient ValueState<Account> state;

        @Override
        public void open(OpenContext context) {
            state = getRuntimeContext().getState(new ValueStateDescriptor<>("account", Account.class));
        }

        @Override
        public void processElement(Event event, Context context, Collector<Account> out) throws Exception {
            Account account = state.value();
            if (account == null) {
                account = new Account(event.accountId(), event.atUs());
                state.update(account);
            }
            account.add(event.atUs(), event.cents());
            out.collect(account);
        }
    }
}
