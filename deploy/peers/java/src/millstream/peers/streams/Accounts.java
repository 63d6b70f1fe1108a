package millstream.peers.streams;

import java.util.HashMap;
import java.util.Map;
import millstream.peers.tiles.Account;
import millstream.peers.tiles.Event;
import millstream.peers.tiles.RedisPipeline;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.apache.kafka.streams.state.StoreBuilder;

/**
 * The state store of a task: its accounts, as objects on the heap, so that nothing is serialised for an event.
 *
 * <p>It has no changelog, which for tiles of two kilobytes would cost more than all the rest.
 */
final class Accounts implements StateStore {
    static final String NAME = "accounts";

    private final Map<String, Account> accounts = new HashMap<>();
    private final RedisPipeline pipeline;
    private boolean open;

    private Accounts(RedisPipeline pipeline) {
        this.pipeline = pipeline;
    }

    void add(Event event) {
        Account account = accounts.get(event.accountId());
        if (account == null) {
            account = new Account(event.accountId(), event.atUs());
            accounts.put(event.accountId(), account);
        }
        account.add(event.atUs(), event.cents());
        pipeline.add(account);
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public void init(StateStoreContext context, StateStore root) {
        context.register(root, (key, value) -> {});
        open = true;
    }

    /** Called before offsets are committed: what they cover is in Redis then. */
    @Override
    public void flush() {
        pipeline.write();
        pipeline.settle();
    }

    @Override
    public void close() {
        open = false;
    }

    @Override
    public boolean persistent() {
        return false;
    }

    @Override
    public boolean isOpen() {
        return open;
    }

    /** Builds one for each task. */
    record Builder(RedisPipeline pipeline) implements StoreBuilder<Accounts> {
        @Override
        public Accounts build() {
            return new Accounts(pipeline);
        }

        @Override
        public String name() {
            return NAME;
        }

        @Override
        public Map<String, String> logConfig() {
            return Map.of();
        }

        @Override
        public boolean loggingEnabled() {
            return false;
        }

        @Override
        public StoreBuilder<Accounts> withCachingEnabled() {
            throw new UnsupportedOperationException("objects on the heap need no cache");
        }

        @Override
        public StoreBuilder<Accounts> withCachingDisabled() {
            return this;
        }

        @Override
        public StoreBuilder<Accounts> withLoggingEnabled(Map<String, String> config) {
            throw new UnsupportedOperationException("there is no changelog");
        }

        @Override
        public StoreBuilder<Accounts> withLoggingDisabled() {
            return this;
        }
    }
}
