package millstream.peers.flink;

import millstream.peers.tiles.Account;
import millstream.peers.tiles.RedisPipeline;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;

/** Writes accounts once a tick. */
final class RedisSink implements Sink<Account> {
    private static final long TICK_MS = 2;
    private static final int MOST_WAITING = 5_000;

    private final String address;

    RedisSink(String address) {
        this.address = address;
    }

    @Override
    public SinkWriter<Account> createWriter(WriterInitContext context) {
        return new Writer(new RedisPipeline(address), context.getProcessingTimeService());
    }

    private record Writer(RedisPipeline pipeline, ProcessingTimeService clock) implements SinkWriter<Account> {
        Writer {
            tick(pipeline, clock);
        }

        private static void tick(RedisPipeline pipeline, ProcessingTimeService clock) {
            pipeline.offer();
            clock.registerTimer(clock.getCurrentProcessingTime() + TICK_MS, now -> tick(pipeline, clock));
        }

        @Override
        public void write(Account account, Context context) {
            pipeline.add(account);
            if (pipeline.size() >= MOST_WAITING) {
                pipeline.write();
            }
        }

        /** Called before a checkpoint. */
        @Override
        public void flush(boolean endOfInput) {
            pipeline.write();
            pipeline.settle();
        }

        @Override
        public void close() {
            pipeline.close();
        }
    }
}
