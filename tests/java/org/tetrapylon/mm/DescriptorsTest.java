package org.tetrapylon.mm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.support.Observe.fails;
import static org.tetrapylon.support.Observe.leavesNoDescriptors;
import static org.tetrapylon.mm.MmSupport.closeAll;
import static org.tetrapylon.mm.MmSupport.hear;
import static org.tetrapylon.mm.MmSupport.none;
import static org.tetrapylon.mm.MmSupport.numberIn;
import static org.tetrapylon.mm.MmSupport.numbered;
import static org.tetrapylon.mm.MmSupport.room;
import static org.tetrapylon.mm.MmSupport.say;

import java.io.FileInputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.tetrapylon.DeadlineException;
import org.tetrapylon.Errno;
import org.tetrapylon.Fd;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.support.Blocked;
import org.tetrapylon.support.Libc;
import org.tetrapylon.support.Observe;

/** Descriptors beside the bytes: every number of them, what does not fit, and that none is ever left open. */
@Timeout(30)
class DescriptorsTest {

    private static final MemorySegment[] NOTHING = none();

    private Endpoint.Pair pair;
    private Endpoint from;
    private Endpoint to;

    @BeforeEach
    void open() {
        pair = Endpoint.pair();
        from = pair.first();
        to = pair.second();
    }

    @AfterEach
    void close() {
        pair.close();
    }

    @Test
    void everyNumberOfDescriptors() throws Throwable {
        leavesNoDescriptors(() -> {
            Fd[] files = numbered(Received.DESCRIPTORS_MAX);
            try (Received received = new Received(Received.DESCRIPTORS_MAX)) {
                for (int count = 0; count <= Received.DESCRIPTORS_MAX; count++) {
                    Fd[] sent = Arrays.copyOf(files, count);
                    assertEquals(4, from.send(new MemorySegment[] {MemorySegment.ofArray(new int[] {count})}, sent));
                    int[] told = new int[1];
                    assertEquals(4, to.receive(new MemorySegment[] {MemorySegment.ofArray(told)}, received));
                    assertEquals(count, told[0]);
                    assertEquals(count, received.descriptorCount());
                    assertFalse(received.descriptorsLost());
                    for (int i = 0; i < count; i++) {
                        try (Fd file = received.take(i)) {
                            assertTrue(Observe.isClosedOnExec(file.number()));
                            assertEquals(i, numberIn(file));
                        }
                    }
                }
            }
            closeAll(files);
        });
    }

    @Test
    void moreThan253AreInvalid() {
        Fd[] files = numbered(254);
        fails(Errno.EINVAL, () -> from.send(NOTHING, files));
        say(from, "nothing was sent");
        assertEquals("nothing was sent", hear(to));
        closeAll(files);
        assertThrows(IndexOutOfBoundsException.class, () -> new Received(254));
        assertThrows(IndexOutOfBoundsException.class, () -> new Received(-1));
    }

    @Test
    void aClosedDescriptorCannotBeSent() {
        Fd[] files = numbered(3);
        files[1].close();
        fails(Errno.EBADF, () -> from.send(NOTHING, files));
        say(from, "nothing was sent");
        assertEquals("nothing was sent", hear(to));
        closeAll(files);
    }

    @Test
    void everySurplusIsClosed() throws Throwable {
        Fd[] files = numbered(24);
        leavesNoDescriptors(() -> {
            for (int sent = 0; sent <= 24; sent++) {
                for (int room = 0; room <= 24; room++) {
                    try (Received received = new Received(room)) {
                        from.send(NOTHING, Arrays.copyOf(files, sent));
                        to.receive(NOTHING, received);
                        assertEquals(Math.min(room, sent), received.descriptorCount());
                        assertEquals(room < sent, received.descriptorsLost());
                        for (int i = 0; i < received.descriptorCount(); i++) {
                            try (Fd file = received.take(i)) {
                                assertEquals(i, numberIn(file));
                            }
                        }
                    }
                }
            }
        });
        closeAll(files);
    }

    @Test
    void theLargestSurplusIsClosed() throws Throwable {
        Fd[] files = numbered(253);
        leavesNoDescriptors(() -> {
            from.send(NOTHING, files);
            assertEquals(0, to.receive(room(1)));
            from.send(new ByteBuffer[] {ByteBuffer.allocate(1)}, files);
            assertEquals(1, to.receive(ByteBuffer.allocate(1)));
        });
        closeAll(files);
    }

    @Test
    void whatIsNotTakenIsClosed() throws Throwable {
        Fd[] files = numbered(4);
        leavesNoDescriptors(() -> {
            try (Received received = new Received(4)) {
                from.send(NOTHING, files);
                from.send(NOTHING, null);
                to.receive(NOTHING, received);
                Fd taken = received.take(2);
                assertThrows(IllegalStateException.class, () -> received.take(2));
                assertThrows(IndexOutOfBoundsException.class, () -> received.take(4));
                to.receive(NOTHING, received);
                assertEquals(0, received.descriptorCount());
                assertEquals(2, numberIn(taken));
                taken.close();
                from.send(NOTHING, files);
                to.receive(NOTHING, received);
            }
        });
        closeAll(files);
    }

    @Test
    void descriptorsOfAMessageThatIsNeverReceivedAreClosed() throws Throwable {
        Fd.Pipe pipe = Fd.pipe();
        Endpoint.Pair own = Endpoint.pair();
        own.first().send(NOTHING, new Fd[] {pipe.sink()});
        pipe.sink().close();
        own.close();
        assertEquals(0, pipe.source().read(room(1))); // the end: nobody has the sink any more
        pipe.close();
    }

    @Test
    void theProcessHasRoomForSomeOnly() throws Throwable {
        everyNumberIn(3); // all classes are loaded, for that needs descriptors, too
        Fd[] files = numbered(10);
        leavesNoDescriptors(() -> {
            for (int room = 0; room <= 10; room++) {
                receiveWithRoomFor(room, files);
            }
        });
        closeAll(files);
    }

    private void receiveWithRoomFor(int room, Fd[] files) {
        Deque<Fd> fill = new ArrayDeque<>();
        int limit = Observe.descriptors().last() + 20;
        try (Received received = new Received(10)) {
            from.send(NOTHING, files);
            Libc.withDescriptorLimit(limit, () -> {
                try {
                    for (;;) {
                        fill.push(files[0].dup());
                    }
                } catch (TetrapylonException e) {
                    assertEquals(Errno.EMFILE, e.errno());
                }
                for (int i = 0; i < room; i++) {
                    fill.pop().close();
                }
                to.receive(NOTHING, received);
            });
            assertEquals(room, received.descriptorCount());
            assertEquals(room < files.length, received.descriptorsLost());
            assertFalse(received.bytesLost());
            for (int i = 0; i < room; i++) {
                try (Fd file = received.take(i)) {
                    assertEquals(i, numberIn(file));
                }
            }
        } finally {
            fill.forEach(Fd::close);
        }
    }

    private void everyNumberIn(int count) {
        Fd[] files = numbered(count);
        try (Received received = new Received(count)) {
            from.send(NOTHING, files);
            to.receive(NOTHING, received);
            for (int i = 0; i < count; i++) {
                try (Fd file = received.take(i)) {
                    assertEquals(i, numberIn(file));
                }
            }
        }
        files[0].dup().close();
        closeAll(files);
        fails(Errno.EBADF, () -> files[0].dup());
    }

    @Test
    void aDescriptorIsADuplicate() {
        Fd[] file = numbered(1);
        try (Received received = new Received(2)) {
            from.send(NOTHING, new Fd[] {file[0], file[0]});
            assertTrue(file[0].isOpen());
            assertEquals(0, numberIn(file[0]));
            file[0].close();
            to.receive(NOTHING, received);
            Fd one = received.take(0);
            Fd other = received.take(1);
            assertEquals(2, new TreeSet<>(List.of(one.number(), other.number())).size());
            assertEquals(4, one.read(room(4)));
            assertEquals(0, other.read(room(4)), "they share the position");
            closeAll(one, other);
        }
    }

    @Test
    void descriptorsGoByBuffersAndAnEmptyMessageToo() {
        Fd[] files = numbered(2);
        try (Received received = new Received(2)) {
            from.send(new ByteBuffer[0], files, Duration.ZERO);
            assertEquals(0, to.receive(new ByteBuffer[] {ByteBuffer.allocate(3)}, received, Duration.ZERO));
            assertEquals(2, received.descriptorCount());
            try (Fd last = received.take(1)) {
                assertEquals(1, numberIn(last));
            }
        }
        closeAll(files);
    }

    @Test
    void aConnectionCanBeSentOverAConnection() {
        Endpoint.Pair other = Endpoint.pair();
        try (Received received = new Received(1)) {
            from.send(NOTHING, new Fd[] {other.first().fd()});
            other.first().close();
            to.receive(NOTHING, received);
            try (Endpoint end = Endpoint.of(received.take(0))) {
                say(end, "over the other");
                assertEquals("over the other", hear(other.second()));
            }
        }
        other.close();
    }

    @Test
    void filesPipesSocketsAndMemoryOfThisProcessCanBeSent(@TempDir Path directory) throws Exception {
        Path path = Files.writeString(directory.resolve("file"), "a file's text");
        Fd.Pipe pipe = Fd.pipe();
        try (FileInputStream stream = new FileInputStream(path.toFile()); Received received = new Received(5)) {
            Fd file = Fd.open(path);
            Fd streams = Fd.of(stream.getChannel());
            Fd memory = Fd.memfd("memory", 10);
            from.send(NOTHING, new Fd[] {file, streams, memory, pipe.sink(), pair.first().fd()});
            closeAll(file, streams, memory);
            assertEquals(0, to.receive(NOTHING, received));
            assertEquals(5, received.descriptorCount());
            for (int i = 0; i < 2; i++) {
                ByteBuffer text = ByteBuffer.allocate(100);
                try (Fd came = received.take(i)) {
                    came.read(text);
                }
                assertEquals("a file's text", new String(text.array(), 0, text.position()));
            }
            try (Fd came = received.take(2)) {
                assertEquals(10, came.size());
            }
            try (Fd came = received.take(3)) {
                came.write(ByteBuffer.wrap(new byte[] {42}));
            }
            assertEquals(1, pipe.source().read(room(1)));
        }
        pipe.close();
    }

    @Test
    void aDescriptorThatIsSentWhileItIsClosedIsSentWholeOrNot() throws Throwable {
        leavesNoDescriptors(() -> {
            for (int i = 0; i < 200; i++) {
                Fd[] file = numbered(1);
                Thread closer = Thread.ofPlatform().daemon().start(file[0]::close);
                try (Received received = new Received(1)) {
                    from.send(NOTHING, file);
                    to.receive(NOTHING, received);
                    try (Fd came = received.take(0)) {
                        assertEquals(0, numberIn(came));
                    }
                } catch (TetrapylonException closed) {
                    assertEquals(Errno.EBADF, closed.errno());
                }
                closer.join();
            }
        });
    }

    @Test
    void closingADescriptorThatIsBeingSentWaitsForTheSend() throws Throwable {
        Fd[] file = numbered(1);
        int number = file[0].number();
        String target = Observe.target(number);
        MemorySegment[] message = {room(10_000)};
        int queued = 0;
        try {
            for (; ; queued++) {
                from.send(message, null, Duration.ZERO);
            }
        } catch (DeadlineException full) {
            assertTrue(queued > 0);
        }
        Blocked<Long> send = Blocked.in(Blocked.Kind.PLATFORM, () -> from.send(message, file));
        Blocked<Void> close = Blocked.in(Blocked.Kind.VIRTUAL, () -> {
            file[0].close();
            return null;
        });
        assertFalse(close.isDone());
        assertEquals(target, Observe.target(number));
        try (Received received = new Received(1)) {
            for (int i = 0; i <= queued; i++) {
                to.receive(message, received);
            }
            send.join();
            close.join();
            try (Fd came = received.take(0)) {
                assertEquals(0, numberIn(came));
            }
        }
    }
}
