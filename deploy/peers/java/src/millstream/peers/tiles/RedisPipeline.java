package millstream.peers.tiles;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import redis.clients.jedis.Connection;
import redis.clients.jedis.DefaultJedisSocketFactory;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Protocol.Command;

/**
 * Writes what has changed, one pipeline at a time, and does not wait for the answers.
 *
 * <p>The next pipeline goes out once the last one is answered; what changes until then is coalesced.
 */
public final class RedisPipeline extends Connection {
    private static final byte[] DONE = "peer:done".getBytes(StandardCharsets.US_ASCII);
    private static final int SEND_BUFFER = 4 << 20;
    private static final int LEAST_ANSWER = ":0\r\n".length();
    private static final int KEY = 0;

    private final Sockets sockets;
    private final List<Account> changed = new ArrayList<>();
    private final double[] results = new double[Account.FIELDS.length];
    private final byte[][] hash = new byte[1 + 2 * (Account.FIELDS.length + 1)][];
    private final ByteBuffer[] doubles = new ByteBuffer[Account.FIELDS.length];
    private long events;
    private int unanswered;

    /** Connect to `host:port`. */
    public RedisPipeline(String address) {
        this(new Sockets(HostAndPort.from(address)));
    }

    private RedisPipeline(Sockets sockets) {
        super(sockets);
        this.sockets = sockets;
        for (int i = 0; i < Account.FIELDS.length; i++) {
            hash[1 + 2 * i] = Account.FIELDS[i].getBytes(StandardCharsets.US_ASCII);
            hash[2 + 2 * i] = new byte[Double.BYTES];
            doubles[i] = ByteBuffer.wrap(hash[2 + 2 * i]).order(ByteOrder.LITTLE_ENDIAN);
        }
        hash[hash.length - 2] = new byte[] {'t'};
        connect();
    }

    /** An event has been folded into that account. */
    public void add(Account account) {
        events++;
        if (!account.changed) {
            account.changed = true;
            changed.add(account);
        }
    }

    /** How many accounts wait. */
    public int size() {
        return changed.size();
    }

    /** Write what waits, unless the store has not yet answered the last pipeline. */
    public void offer() {
        if (events > 0 && isAnswered()) {
            write();
        }
    }

    /** Write what waits, once the last pipeline is answered. */
    public void write() {
        if (events == 0) {
            return;
        }
        settle();
        for (Account account : changed) {
            send(account);
        }
        sendCommand(Command.INCRBY, DONE, Long.toString(events).getBytes(StandardCharsets.US_ASCII));
        flush();
        unanswered = changed.size() + 1;
        changed.clear();
        events = 0;
    }

    /** Return once all that was written is answered. */
    public void settle() {
        for (; unanswered > 0; unanswered--) {
            getOne();
        }
    }

    private void send(Account account) {
        account.changed = false;
        account.results(results);
        for (int i = 0; i < results.length; i++) {
            doubles[i].putDouble(0, results[i]);
        }
        hash[KEY] = account.key;
        hash[hash.length - 1] = Long.toString(account.newestUs()).getBytes(StandardCharsets.US_ASCII);
        sendCommand(Command.HSET, hash);
    }

    private boolean isAnswered() {
        try {
            return sockets.opened.getInputStream().available() >= LEAST_ANSWER * unanswered;
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** Sockets that take a whole pipeline at once: with a small buffer, client and server run in turns. */
    private static final class Sockets extends DefaultJedisSocketFactory {
        private Socket opened;

        Sockets(HostAndPort address) {
            super(address);
        }

        @Override
        public Socket createSocket() {
            opened = super.createSocket();
            try {
                opened.setSendBufferSize(SEND_BUFFER);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return opened;
        }
    }
}
