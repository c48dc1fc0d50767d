package org.tetrapylon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.support.Observe.fails;
import static org.tetrapylon.support.Observe.leavesNoDescriptors;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tetrapylon.mm.Endpoint;
import org.tetrapylon.support.Blocked;
import org.tetrapylon.support.Observe;

/** A descriptor as an object: what it can do, how it ends, and its bridges to the JDK. */
@Timeout(20)
class FdTest {

    @TempDir
    Path directory;

    private static ByteBuffer text(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String read(Fd fd) {
        ByteBuffer bytes = ByteBuffer.allocate(1000);
        fd.read(bytes);
        return new String(bytes.array(), 0, bytes.position(), StandardCharsets.UTF_8);
    }

    private static String readAt(Fd fd, long position) {
        ByteBuffer bytes = ByteBuffer.allocate(1000);
        fd.read(bytes, position);
        return new String(bytes.array(), 0, bytes.position(), StandardCharsets.UTF_8);
    }

    @Test
    void filesAreOpenedAsTheOptionsSay() throws Exception {
        Path path = directory.resolve("file");
        fails(Errno.ENOENT, () -> Fd.open(path));
        fails(Errno.ENOENT, () -> Fd.open(path, StandardOpenOption.WRITE));
        try (Fd fd = Fd.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            fd.write(text("hello"));
            assertEquals(5, fd.size());
            fails(Errno.EBADF, () -> read(fd)); // write only
            assertTrue(Observe.isClosedOnExec(fd.number()));
        }
        fails(Errno.EEXIST, () -> Fd.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
        try (Fd fd = Fd.open(path, StandardOpenOption.APPEND)) {
            fd.write(text(", world"));
        }
        try (Fd fd = Fd.open(path)) {
            assertEquals("hello, world", read(fd));
            assertEquals("", read(fd)); // the end
            fails(Errno.EBADF, () -> fd.write(text("x")));
        }
        try (Fd fd = Fd.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            assertEquals(0, fd.size());
        }
        assertThrows(UnsupportedOperationException.class, () -> Fd.open(path, StandardOpenOption.DELETE_ON_CLOSE));
    }

    @Test
    void readingAndWritingAtAPositionLeavesTheDescriptorWhereItStands() {
        try (Fd fd = Fd.memfd("positions", 0)) {
            assertEquals(10, fd.write(text("0123456789")));
            assertEquals(2, fd.write(text("AB"), 4));
            assertEquals("0123AB6789", readAt(fd, 0));
            assertEquals("B6789", readAt(fd, 5));
            assertEquals("", readAt(fd, 10));
            assertEquals(1, fd.write(text("!"))); // where it stood
            assertEquals("9!", readAt(fd, 9));
            fd.resize(3);
            assertEquals("012", readAt(fd, 0));
            assertThrows(IllegalArgumentException.class, () -> readAt(fd, -1));
            assertThrows(IllegalArgumentException.class, () -> fd.write(text("x"), -2));
            assertThrows(IllegalArgumentException.class, () -> fd.read(MemorySegment.ofArray(new byte[1]).asReadOnly()));
            assertThrows(IllegalArgumentException.class, () -> fd.read(ByteBuffer.allocate(1).asReadOnlyBuffer()));
        }
    }

    @Test
    void memoryOfEveryKindIsReadInto() {
        try (Fd fd = Fd.memfd("kinds", 0); Arena arena = Arena.ofShared()) {
            MemorySegment bytes = arena.allocate(100_000);
            bytes.fill((byte) 5);
            assertEquals(100_000, fd.write(bytes));
            for (MemorySegment room : new MemorySegment[] {arena.allocate(100), MemorySegment.ofArray(new byte[100]),
                MemorySegment.ofBuffer(ByteBuffer.allocateDirect(100)), MemorySegment.ofArray(new long[20]).asSlice(3, 100)}) {
                assertEquals(100, fd.read(room, 99_900));
                assertEquals(5, room.get(ValueLayout.JAVA_BYTE, 99));
            }
            ByteBuffer direct = ByteBuffer.allocateDirect(20).position(5).limit(9);
            assertEquals(4, fd.read(direct, 0));
            assertEquals(9, direct.position());
        }
    }

    @Test
    void aPartIsMappedAndSharedWithOthers() {
        Fd fd = Fd.memfd("mapped", 20_000);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment whole = fd.map(MapMode.READ_WRITE, 0, 20_000, arena);
            MemorySegment part = fd.map(MapMode.READ_ONLY, 5001, 100, arena);
            MemorySegment own = fd.map(MapMode.PRIVATE, 5001, 100, arena);
            whole.set(ValueLayout.JAVA_BYTE, 5002, (byte) 42);
            assertEquals(42, part.get(ValueLayout.JAVA_BYTE, 1));
            assertEquals(42, own.get(ValueLayout.JAVA_BYTE, 1));
            own.set(ValueLayout.JAVA_BYTE, 1, (byte) 1);
            assertEquals(42, part.get(ValueLayout.JAVA_BYTE, 1));
            assertTrue(part.isReadOnly());
            assertEquals(100, part.byteSize());
            assertEquals(0, fd.map(MapMode.READ_WRITE, 20_000, 0, arena).byteSize());
            assertThrows(IndexOutOfBoundsException.class, () -> fd.map(MapMode.READ_ONLY, 19_990, 11, arena));
            assertThrows(IndexOutOfBoundsException.class, () -> fd.map(MapMode.READ_ONLY, -1, 11, arena));
            assertThrows(IndexOutOfBoundsException.class, () -> fd.map(MapMode.READ_ONLY, 0, -1, arena));
            fd.close();
            whole.set(ValueLayout.JAVA_BYTE, 5002, (byte) 43); // the mapping lives as long as the arena
            assertEquals(43, part.get(ValueLayout.JAVA_BYTE, 1));
        }
    }

    @Test
    void aMappingGoesWithItsArena() throws IOException {
        try (Fd fd = Fd.memfd("unmapped-by-arena", 10_000)) {
            try (Arena arena = Arena.ofConfined()) {
                fd.map(MapMode.READ_ONLY, 1, 9000, arena);
                assertTrue(Files.readString(Path.of("/proc/self/maps")).contains("unmapped-by-arena"));
            }
            assertFalse(Files.readString(Path.of("/proc/self/maps")).contains("unmapped-by-arena"));
        }
    }

    @Test
    void aDuplicateSharesThePositionAndIsClosedByItself() {
        try (Fd fd = Fd.memfd("duplicated", 0)) {
            Fd other = fd.dup();
            fd.write(text("one"));
            other.write(text("two"));
            other.close();
            assertEquals("onetwo", readAt(fd, 0));
            fails(Errno.EBADF, other::dup);
        }
    }

    @Test
    void aPipeCarriesBytesAndEnds() {
        try (Fd.Pipe pipe = Fd.pipe()) {
            pipe.sink().write(text("through"));
            assertEquals("through", read(pipe.source()));
            pipe.sink().close();
            assertEquals("", read(pipe.source()));
        }
        Fd.Pipe broken = Fd.pipe();
        broken.source().close();
        fails(Errno.EPIPE, () -> broken.sink().write(text("nobody reads")));
        broken.sink().close();
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void readAndWriteWaitAndAreInterruptedAndClosed(Blocked.Kind kind) throws Throwable {
        try (Fd.Pipe pipe = Fd.pipe()) {
            Blocked<String> reader = Blocked.in(kind, () -> read(pipe.source()));
            pipe.sink().write(text("came"));
            assertEquals("came", reader.join());
            Blocked<String> interrupted = Blocked.in(kind, () -> read(pipe.source()));
            interrupted.thread().interrupt();
            assertThrows(InterruptedCallException.class, interrupted::join);
            assertTrue(interrupted.cameBackInterrupted());
            Blocked<Integer> writer = Blocked.in(kind, () -> {
                for (;;) {
                    pipe.sink().write(ByteBuffer.allocate(1000));
                }
            });
            pipe.sink().close();
            fails(Errno.EBADF, writer::join);
        }
        try (Fd.Pipe pipe = Fd.pipe()) {
            Blocked<String> closed = Blocked.in(kind, () -> read(pipe.source()));
            Blocked<Integer> polling = Blocked.in(kind, () -> pipe.source().poll(Fd.READABLE));
            pipe.source().close();
            fails(Errno.EBADF, closed::join);
            fails(Errno.EBADF, polling::join);
        }
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void pollTellsWhatIsThere(Blocked.Kind kind) throws Throwable {
        try (Fd.Pipe pipe = Fd.pipe()) {
            assertEquals(0, pipe.source().poll(Fd.READABLE, Duration.ZERO));
            assertEquals(Fd.WRITABLE, pipe.sink().poll(Fd.WRITABLE | Fd.READABLE));
            Blocked<Integer> late = Blocked.in(kind, () -> pipe.source().poll(Fd.READABLE, Duration.ofMillis(20)));
            assertEquals(0, late.join());
            Blocked<Integer> waiting = Blocked.in(kind, () -> pipe.source().poll(Fd.READABLE));
            pipe.sink().write(text("x"));
            assertEquals(Fd.READABLE, waiting.join());
            Blocked<Integer> interrupted = Blocked.in(kind, () -> pipe.sink().poll(Fd.ERROR));
            interrupted.thread().interrupt();
            assertThrows(InterruptedCallException.class, interrupted::join);
            pipe.source().close();
            assertEquals(Fd.ERROR, pipe.sink().poll(0));
        }
        try (Endpoint.Pair pair = Endpoint.pair()) {
            pair.first().shutdownOutput();
            assertEquals(Fd.PEER_CLOSED, pair.second().fd().poll(Fd.PEER_CLOSED));
        }
    }

    @Test
    void filesOnDiskAreReadByVirtualThreadsToo() throws Throwable {
        Path path = Files.writeString(directory.resolve("disk"), "on disk");
        try (Fd fd = Fd.open(path)) {
            assertEquals("on disk", Blocked.in(Blocked.Kind.VIRTUAL, () -> read(fd)).join());
        }
    }

    @Test
    void twoVirtualThreadsWaitOnOneDescriptor() throws Throwable {
        try (Endpoint.Pair pair = Endpoint.pair()) {
            Fd fd = pair.first().fd();
            while (fd.poll(Fd.WRITABLE, Duration.ZERO) != 0) {
                fd.write(ByteBuffer.allocate(10_000));
            }
            Blocked<Integer> writable = Blocked.in(Blocked.Kind.VIRTUAL, () -> fd.poll(Fd.WRITABLE));
            Blocked<Integer> readable = Blocked.in(Blocked.Kind.VIRTUAL, () -> fd.poll(Fd.READABLE));
            Blocked<Integer> readableToo = Blocked.in(Blocked.Kind.VIRTUAL, () -> fd.poll(Fd.READABLE));
            pair.second().fd().write(text("x"));
            assertEquals(Fd.READABLE, readable.join());
            assertEquals(Fd.READABLE, readableToo.join());
            assertFalse(writable.isDone());
            while (!writable.isDone()) {
                pair.second().fd().read(ByteBuffer.allocate(10_000));
                Observe.until(() -> writable.isDone() || readyToRead(pair.second()));
            }
            assertEquals(Fd.WRITABLE, writable.join());
        }
    }

    private static boolean readyToRead(Endpoint endpoint) {
        return endpoint.fd().poll(Fd.READABLE, Duration.ZERO) != 0;
    }

    @Test
    void itIsClosedExactlyOnce() throws Throwable {
        leavesNoDescriptors(() -> {
            for (int i = 0; i < 200; i++) {
                Fd fd = Fd.memfd("once", 1);
                int number = fd.number();
                AtomicInteger ready = new AtomicInteger();
                List<Thread> closers = new ArrayList<>();
                for (int k = 0; k < 3; k++) {
                    closers.add(Thread.ofPlatform().daemon().start(() -> {
                        ready.incrementAndGet();
                        fd.close();
                    }));
                }
                fd.close();
                try (Fd next = Fd.memfd("next", 1)) { // with the number, mostly; a second close would hit it
                    for (Thread closer : closers) {
                        closer.join();
                    }
                    assertEquals(1, next.size(), "number " + number);
                }
                assertFalse(fd.isOpen());
                fails(Errno.EBADF, fd::number);
                fails(Errno.EBADF, fd::release);
            }
        });
    }

    @Test
    void numbersComeInAndGoOut() throws Throwable {
        leavesNoDescriptors(() -> {
            Fd fd = Fd.memfd("number", 7);
            int number = fd.release();
            assertFalse(fd.isOpen());
            fd.close(); // does not touch the number
            try (Fd again = Fd.adopt(number)) {
                assertEquals(number, again.number());
                assertEquals(7, again.size());
            }
            fails(Errno.EBADF, () -> Fd.adopt(number));
            fails(Errno.EBADF, () -> Fd.duplicateOf(number));
            try (Fd out = Fd.duplicateOf(1)) {
                assertTrue(out.number() > 2);
            }
        });
    }

    // ---- Bridges to the JDK ----

    @Test
    void aChannelOfADescriptorIsAnOpeningOfItsOwn() throws Exception {
        Fd memory = Fd.memfd("channel", 0);
        memory.write(text("seen from both"));
        try (FileChannel channel = memory.toFileChannel()) {
            ByteBuffer bytes = ByteBuffer.allocate(4);
            channel.read(bytes); // from 0
            assertEquals("seen", new String(bytes.array(), StandardCharsets.UTF_8));
            channel.write(text("SEEN"), 0);
            assertEquals("SEEN from both", readAt(memory, 0));
            memory.close();
            assertEquals(14, channel.size());
        }
        Path path = Files.writeString(directory.resolve("file"), "read only");
        try (Fd fd = Fd.open(path); FileChannel channel = fd.toFileChannel()) {
            assertThrows(java.nio.channels.NonWritableChannelException.class, () -> channel.write(text("x")));
        }
        try (Fd fd = Fd.open(path, StandardOpenOption.APPEND); FileChannel channel = fd.toFileChannel()) {
            channel.write(text(", appended"));
            assertEquals("read only, appended", Files.readString(path));
        }
        try (Fd.Pipe pipe = Fd.pipe(); FileChannel channel = pipe.sink().toFileChannel()) {
            channel.write(text("into the pipe"));
            assertEquals("into the pipe", read(pipe.source()));
        }
        try (Endpoint.Pair pair = Endpoint.pair()) {
            assertThrows(UncheckedIOException.class, () -> pair.first().fd().toFileChannel());
        }
    }

    @Test
    void theDescriptorOfAChannelIsFound() throws Throwable {
        Path path = Files.writeString(directory.resolve("found"), "0123456789");
        leavesNoDescriptors(() -> {
            try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw");
                    RandomAccessFile decoy = new RandomAccessFile(path.toFile(), "rw")) {
                file.seek(3);
                decoy.seek(3);
                try (Fd fd = Fd.of(file.getChannel())) {
                    assertEquals(3, file.getFilePointer());
                    assertEquals("3456789", read(fd));
                    assertEquals(10, file.getFilePointer(), "they share the position");
                    assertEquals(3, decoy.getFilePointer());
                }
                assertEquals(10, file.length());
            }
            try (FileOutputStream stream = new FileOutputStream(path.toFile(), true); Fd fd = Fd.of(stream.getChannel())) {
                fd.write(text("ab"));
            }
            assertEquals("0123456789ab", Files.readString(path));
            FileChannel closed = FileChannel.open(path);
            closed.close();
            fails(Errno.EBADF, () -> Fd.of(closed));
        });
    }
}
