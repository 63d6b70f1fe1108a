package millstream.peers.tiles;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;

/** One payment, as the topic holds it: JSON with an account, an instant and an amount. */
public record Event(String accountId, long atUs, long cents) {
    private static final JsonFactory JSON = new JsonFactory();

    /** Decode one value. */
    public static Event of(byte[] value) {
        String accountId = null;
        long atUs = 0;
        long cents = 0;
        try (JsonParser parser = JSON.createParser(value)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String field = parser.currentName();
                parser.nextToken();
                switch (field) {
                    case "account_id" -> accountId = parser.getText();
                    case "spent_at" -> atUs = micros(parser.getTextCharacters(), parser.getTextOffset(), parser.getTextLength());
                    case "amount" -> cents = Math.round(parser.getDoubleValue() * 100);
                    default -> parser.skipChildren();
                }
            }
        } catch (IOException error) {
            throw new IllegalArgumentException("not an event: " + new String(value), error);
        }
        return new Event(accountId, atUs, cents);
    }

    /** Microseconds of an ISO instant; what Python writes in UTC by hand (ten times faster), all else by the library. */
    static long micros(char[] text, int from, int length) {
        boolean whole = length == 25;
        int zone = from + length - 6;
        if (!(whole || length == 32 && text[from + 19] == '.') || !isUtc(text, zone)) {
            Instant instant = OffsetDateTime.parse(new String(text, from, length)).toInstant();
            return ChronoUnit.MICROS.between(Instant.EPOCH, instant);
        }
        long days = daysSinceEpoch(number(text, from, 4), number(text, from + 5, 2), number(text, from + 8, 2));
        long minutes = (days * 24 + number(text, from + 11, 2)) * 60 + number(text, from + 14, 2);
        return (minutes * 60 + number(text, from + 17, 2)) * 1_000_000 + (whole ? 0 : number(text, from + 20, 6));
    }

    private static boolean isUtc(char[] text, int at) {
        return text[at] == '+' && text[at + 1] == '0' && text[at + 2] == '0' && text[at + 4] == '0' && text[at + 5] == '0';
    }

    private static int number(char[] text, int from, int digits) {
        int value = 0;
        for (int i = from; i < from + digits; i++) {
            value = value * 10 + text[i] - '0';
        }
        return value;
    }

    /** Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil. */
    private static long daysSinceEpoch(int year, int month, int day) {
        int y = month <= 2 ? year - 1 : year;
        int era = y / 400;
        int yearOfEra = y - era * 400;
        int dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
        int dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
        return era * 146_097L + dayOfEra - 719_468;
    }
}
