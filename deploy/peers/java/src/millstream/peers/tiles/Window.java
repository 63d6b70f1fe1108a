package millstream.peers.tiles;

/** One window of one account: a ring of tiles, side by side in one array, and running results over all of them. */
final class Window {
    private static final long PAST_CENTS = 100;
    private static final int TILE = 4;
    private static final int COUNT = 0;
    private static final int SUM = 1;
    private static final int LOW = 2;
    private static final int HIGH = 3;

    private final long hopUs;
    private final int size;
    private final long[] tiles;
    private long newest;
    private long count;
    private long sum;
    private long low = PAST_CENTS;
    private long high = PAST_CENTS;

    Window(long lengthUs, long hopUs, long firstAtUs) {
        this.hopUs = hopUs;
        size = (int) (lengthUs / hopUs) + 1;
        tiles = new long[TILE * size];
        for (int at = 0; at < tiles.length; at += TILE) {
            fill(at, 1, PAST_CENTS, PAST_CENTS, PAST_CENTS);
        }
        count = size;
        sum = size * PAST_CENTS;
        newest = firstAtUs / hopUs - 1;
        advance((firstAtUs + 1) / hopUs);
    }

    /** Put an event into its tile; one older than the window changes nothing. */
    void add(long atUs, long cents) {
        long seen = (atUs + 1) / hopUs; // results are as of just after the event
        if (seen > newest) {
            advance(seen);
        }
        long index = atUs / hopUs;
        if (index <= newest - size) {
            return;
        }
        int at = place(index);
        tiles[at + COUNT]++;
        count++;
        tiles[at + SUM] += cents;
        sum += cents;
        if (cents < tiles[at + LOW]) {
            tiles[at + LOW] = cents;
            low = Math.min(low, cents);
        }
        if (cents > tiles[at + HIGH]) {
            tiles[at + HIGH] = cents;
            high = Math.max(high, cents);
        }
    }

    /** Write count, sum, least and greatest from that place on; an account's newest event is always in its windows. */
    void results(double[] into, int at) {
        into[at] = count;
        into[at + 1] = sum / 100.0;
        into[at + 2] = low / 100.0;
        into[at + 3] = high / 100.0;
    }

    /** Drop the tiles that the window leaves behind; an extreme is looked for anew only when it went with them. */
    private void advance(long to) {
        boolean lostLow = false;
        boolean lostHigh = false;
        for (long index = Math.max(newest + 1, to - size + 1); index <= to; index++) {
            int at = place(index);
            count -= tiles[at + COUNT];
            sum -= tiles[at + SUM];
            lostLow |= tiles[at + LOW] == low;
            lostHigh |= tiles[at + HIGH] == high;
            fill(at, 0, 0, Long.MAX_VALUE, Long.MIN_VALUE);
        }
        newest = to;
        if (lostLow) {
            findLow();
        }
        if (lostHigh) {
            findHigh();
        }
    }

    private void findLow() {
        low = Long.MAX_VALUE;
        for (int at = LOW; at < tiles.length; at += TILE) {
            low = Math.min(low, tiles[at]);
        }
    }

    private void findHigh() {
        high = Long.MIN_VALUE;
        for (int at = HIGH; at < tiles.length; at += TILE) {
            high = Math.max(high, tiles[at]);
        }
    }

    private int place(long index) {
        return TILE * (int) (index % size);
    }

    private void fill(int at, long count, long sum, long low, long high) {
        tiles[at + COUNT] = count;
        tiles[at + SUM] = sum;
        tiles[at + LOW] = low;
        tiles[at + HIGH] = high;
    }
}
