package millstream.clients;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Calls a server of test.Things as Java programs do, and says what came of it: one line of JSON. */
public final class Main {
    private static final int MILLION = 1_000_000;

    /** Sends bytes as they are. */
    private static final class Raw implements MethodDescriptor.Marshaller<byte[]> {
        @Override
        public InputStream stream(byte[] value) {
            return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
            try {
                return stream.readAllBytes();
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
    }

    private static MethodDescriptor<byte[], byte[]> method(String name, MethodType type) {
        return MethodDescriptor.<byte[], byte[]>newBuilder()
                .setType(type)
                .setFullMethodName("test.Things/" + name)
                .setRequestMarshaller(new Raw())
                .setResponseMarshaller(new Raw())
                .build();
    }

    private static CallOptions within(long milliseconds) {
        return CallOptions.DEFAULT.withDeadlineAfter(milliseconds, TimeUnit.MILLISECONDS);
    }

    private static byte[] call(Channel channel, String name, byte[] sent, CallOptions options) {
        return ClientCalls.blockingUnaryCall(channel, method(name, MethodType.UNARY), options, sent);
    }

    private static boolean echoes(Channel channel, int size, CallOptions options) {
        byte[] sent = new byte[size];
        Arrays.fill(sent, (byte) 'j');
        return Arrays.equals(sent, call(channel, "Echo", sent, options));
    }

    private static boolean atOnce(Channel channel) throws Exception {
        List<Future<byte[]>> answers = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            ClientCall<byte[], byte[]> each = channel.newCall(method("Echo", MethodType.UNARY), within(20_000));
            answers.add(ClientCalls.futureUnaryCall(each, String.valueOf(i).getBytes(StandardCharsets.UTF_8)));
        }
        for (int i = 0; i < 200; i++) {
            if (!String.valueOf(i).equals(new String(answers.get(i).get(), StandardCharsets.UTF_8))) {
                return false;
            }
        }
        return true;
    }

    private static Status failure(Channel channel, String name, String sent, long milliseconds) {
        try {
            call(channel, name, sent.getBytes(StandardCharsets.UTF_8), within(milliseconds));
            return Status.OK;
        } catch (StatusRuntimeException error) {
            return error.getStatus();
        }
    }

    private static int counted(Channel channel) {
        Iterator<byte[]> answers = ClientCalls.blockingServerStreamingCall(
                channel, method("Count", MethodType.SERVER_STREAMING), within(20_000), "500 20000".getBytes());
        int n = 0;
        for (; answers.hasNext(); n++) {
            answers.next();
        }
        return n;
    }

    private static boolean inTurns(Channel channel) throws Exception {
        LinkedBlockingQueue<byte[]> heard = new LinkedBlockingQueue<>();
        byte[] end = new byte[0];
        StreamObserver<byte[]> told = ClientCalls.asyncBidiStreamingCall(
                channel.newCall(method("EchoAll", MethodType.BIDI_STREAMING), within(20_000)),
                new StreamObserver<byte[]>() {
                    @Override
                    public void onNext(byte[] value) {
                        heard.add(value);
                    }

                    @Override
                    public void onError(Throwable error) {
                        heard.add("failed".getBytes());
                    }

                    @Override
                    public void onCompleted() {
                        heard.add(end);
                    }
                });
        for (int i = 1; i < 100; i++) {
            byte[] sent = new byte[i * 1_000];
            Arrays.fill(sent, (byte) i);
            told.onNext(sent);
            if (!Arrays.equals(sent, heard.poll(20, TimeUnit.SECONDS))) {
                return false;
            }
        }
        told.onCompleted();
        return heard.poll(20, TimeUnit.SECONDS) == end;
    }

    private static String cancelled(Channel channel) throws Exception {
        ClientCall<byte[], byte[]> wait = channel.newCall(method("Wait", MethodType.UNARY), within(20_000));
        LinkedBlockingQueue<Status> ended = new LinkedBlockingQueue<>();
        wait.start(
                new ClientCall.Listener<>() {
                    @Override
                    public void onClose(Status status, Metadata trailers) {
                        ended.add(status);
                    }
                },
                new Metadata());
        wait.sendMessage("60".getBytes());
        wait.halfClose();
        wait.request(1);
        Thread.sleep(200);
        wait.cancel("enough", null);
        return ended.poll(20, TimeUnit.SECONDS).getCode().toString();
    }

    /** Counts the calls that failed within a second of asking. */
    private static int overTime(Channel channel) {
        int failed = 0;
        for (long end = System.nanoTime() + 1_000_000_000L; System.nanoTime() < end; ) {
            try {
                echoes(channel, 100, within(20_000));
            } catch (StatusRuntimeException error) {
                failed++;
            }
        }
        return failed;
    }

    private static String quoted(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }

    /** The address, and the authority's file where the server speaks TLS. */
    public static void main(String[] arguments) throws Exception {
        var credentials = arguments.length > 1
                ? TlsChannelCredentials.newBuilder().trustManager(new File(arguments[1])).build()
                : InsecureChannelCredentials.create();
        ManagedChannel channel = Grpc.newChannelBuilder(arguments[0], credentials)
                .maxInboundMessageSize(64 * MILLION)
                .build();
        Status error = failure(channel, "Fail", "süß 100 %", 20_000);
        System.out.println("{"
                + "\"short\":" + echoes(channel, 10, within(20_000))
                + ",\"empty\":" + echoes(channel, 0, within(20_000))
                + ",\"long\":" + echoes(channel, 5 * MILLION, within(20_000))
                + ",\"gzip\":" + echoes(channel, MILLION, within(20_000).withCompression("gzip"))
                + ",\"at_once\":" + atOnce(channel)
                + ",\"error\":" + quoted(error.getDescription())
                + ",\"code\":" + quoted(error.getCode().toString())
                + ",\"unknown\":" + quoted(failure(channel, "Nothing", "", 20_000).getCode().toString())
                + ",\"late\":" + (failure(channel, "Wait", "60", 200).getCode() == Status.Code.DEADLINE_EXCEEDED)
                + ",\"cancel\":" + quoted(cancelled(channel))
                + ",\"counted\":" + counted(channel)
                + ",\"in_turns\":" + inTurns(channel)
                + ",\"failed\":" + overTime(channel)
                + "}");
        channel.shutdownNow();
    }

    private Main() {}
}
