package org.tetrapylon.mm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.mm.MmSupport.assertSame;
import static org.tetrapylon.mm.MmSupport.bytes;
import static org.tetrapylon.mm.MmSupport.closeAll;
import static org.tetrapylon.mm.MmSupport.name;
import static org.tetrapylon.mm.MmSupport.numberIn;
import static org.tetrapylon.mm.MmSupport.numbered;
import static org.tetrapylon.mm.MmSupport.room;
import static org.tetrapylon.mm.Processes.awaitReady;
import static org.tetrapylon.mm.Processes.javaPeer;
import static org.tetrapylon.mm.Processes.peer;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.tetrapylon.Fd;
import org.tetrapylon.support.Finished;

/** A process in C and one in Java understand each other, whoever serves; and what a forgetful Java process leaves. */
@Timeout(40)
class InteropTest {

    private static final int[] SIZES = {0, 1, 2, 63, 64, 65, 4095, 4096, 4097, 65536, 200_000};
    private static final int[] COUNTS = {0, 1, 2, 64, 252, 253};

    @Test
    void aJavaClientAndACServer() throws Exception {
        String name = name();
        Process server = peer("serve", name);
        awaitReady(server);
        call(name);
        server.destroyForcibly().waitFor();
    }

    @Test
    void aJavaClientAndAJavaServer() throws Exception {
        String name = name();
        Process server = javaPeer("serve", name);
        awaitReady(server);
        call(name);
        server.destroyForcibly().waitFor();
    }

    @Test
    void aCClientAndAJavaServer() throws Exception {
        String name = name();
        Process server = javaPeer("serve", name);
        awaitReady(server);
        Process client = peer("call", name);
        assertTrue(client.waitFor(20, TimeUnit.SECONDS));
        assertEquals(0, client.exitValue());
        server.destroyForcibly().waitFor();
    }

    private static void call(String name) {
        call(name, 0);
    }

    /** Checks a server that sends everything back, with messages of at least so many bytes. */
    static void call(String name, int least) {
        MemorySegment room = room(1 << 18);
        Fd[] files = numbered(Received.DESCRIPTORS_MAX);
        try (Endpoint server = Endpoint.connect(name); Received received = new Received(Received.DESCRIPTORS_MAX)) {
            for (int size : Arrays.stream(SIZES).filter(size -> size >= least).toArray()) {
                MemorySegment message = bytes(size);
                server.send(message);
                assertEquals(size, server.receive(room));
                assertSame(message, room.asSlice(0, size));
            }
            for (int count : COUNTS) {
                int size = Math.max(count, least);
                server.send(new MemorySegment[] {bytes(size)}, Arrays.copyOf(files, count));
                assertEquals(size, server.receive(new MemorySegment[] {room}, received));
                assertEquals(count, received.descriptorCount());
                for (int i = 0; i < count; i++) {
                    try (Fd file = received.take(i)) {
                        assertEquals(i, numberIn(file));
                    }
                }
            }
        }
        closeAll(files);
    }

    @Test
    void whatIsForgottenIsClosedAndReported() throws Exception {
        Finished process = Finished.of(Duration.ofSeconds(20),
                Processes.java(List.of("-Dtetrapylon.leaks=trace"), JavaPeer.class, "leak"));
        assertEquals(0, process.exitCode(), process.output());
        List<String> counts = process.output().lines().filter(line -> line.matches("-?\\d+")).toList();
        assertEquals(List.of("4", "0"), counts, process.output());
        Pattern report = Pattern.compile("(File descriptor|Server \".*\", descriptor) \\d+ was never closed");
        assertEquals(4, report.matcher(process.output()).results().count(), process.output());
        assertTrue(process.output().contains("JavaPeer.leak"), "the trace tells where: " + process.output());
    }
}
