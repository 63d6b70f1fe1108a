package millstream.peers.tiles;

/** All windows of one account, as of just after its newest event. */
public final class Account {
    /** Names of the results, in their order. */
    static final String[] FIELDS = {
        "count_hour", "sum_hour", "min_hour", "max_hour",
        "count_day", "sum_day", "min_day", "max_day",
        "count_week", "sum_week", "min_week", "max_week",
    };

    private static final long HOUR_US = 3_600_000_000L;

    final byte[] key;
    /** Whether it stands among what is to be written. */
    boolean changed;

    private final Window hour;
    private final Window day;
    private final Window week;
    private long newestUs;

    /** An account that is met for the first time has full tiles. */
    public Account(String id, long firstAtUs) {
        key = ("peer:" + id).getBytes(java.nio.charset.StandardCharsets.UTF_8);
        newestUs = firstAtUs;
        hour = new Window(HOUR_US, HOUR_US / 12, firstAtUs);
        day = new Window(24 * HOUR_US, HOUR_US, firstAtUs);
        week = new Window(168 * HOUR_US, 6 * HOUR_US, firstAtUs);
    }

    /** Fold an event. */
    public void add(long atUs, long cents) {
        newestUs = Math.max(newestUs, atUs);
        hour.add(atUs, cents);
        day.add(atUs, cents);
        week.add(atUs, cents);
    }

    /** The results, in the order of `FIELDS`. */
    void results(double[] into) {
        hour.results(into, 0);
        day.results(into, 4);
        week.results(into, 8);
    }

    long newestUs() {
        return newestUs;
    }
}
