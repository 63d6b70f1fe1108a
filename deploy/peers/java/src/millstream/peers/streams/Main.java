package millstream.peers.streams;

import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import millstream.peers.tiles.Event;
import millstream.peers.tiles.RedisPipeline;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/** Kafka Streams with hand-written tiles in its Processor API; one stream thread, because the bench gives it one core. */
public final class Main {
    private static final Duration TICK = Duration.ofMillis(2);
    private static final int MOST_WAITING = 5_000;

    private Main() {}

    /** Run until stopped; the folder for Streams' own files is the one argument. */
    public static void main(String[] arguments) {
        Map<String, String> environment = System.getenv();
        RedisPipeline pipeline = new RedisPipeline(environment.get("PEER_STORE"));
        Topology topology = new Topology();
        topology.addSource("events", environment.get("PEER_TOPIC"));
        topology.addProcessor("tiles", () -> new Tiles(pipeline), "events");
        topology.addStateStore(new Accounts.Builder(pipeline), "tiles");
        KafkaStreams streams = new KafkaStreams(topology, settings(environment.get("PEER_BROKER"), arguments[0]));
        streams.setUncaughtExceptionHandler(error -> StreamThreadExceptionResponse.SHUTDOWN_CLIENT);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    private static Properties settings(String broker, String folder) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "peer-" + UUID.randomUUID());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, broker);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.POLL_MS_CONFIG, TICK.toMillis()); // punctuators run between polls only
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
        settings.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 2_000);
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        settings.put(ConsumerConfig.CHECK_CRCS_CONFIG, false);
        return settings;
    }

    private record Tiles(RedisPipeline pipeline, Accounts[] accounts) implements Processor<byte[], byte[], Void, Void> {
        Tiles(RedisPipeline pipeline) {
            this(pipeline, new Accounts[1]);
        }

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            accounts[0] = context.getStateStore(Accounts.NAME);
            context.schedule(TICK, PunctuationType.WALL_CLOCK_TIME, now -> pipeline.offer());
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            accounts[0].add(Event.of(record.value()));
            if (pipeline.size() >= MOST_WAITING) {
                pipeline.write();
            }
        }
    }
}
