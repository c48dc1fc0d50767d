package org.tetrapylon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.support.Observe.fails;
import static org.tetrapylon.support.Observe.leavesNoDescriptors;

import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousChannel;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.DatagramChannel;
import java.nio.channels.Pipe;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.tetrapylon.mm.Endpoint;
import org.tetrapylon.mm.Received;
import org.tetrapylon.support.Observe;

/** The descriptors of what the JDK itself has open. That each can be sent and used elsewhere is SentDescriptorsTest's. */
@Timeout(value = 30, unit = TimeUnit.SECONDS)
class JdkChannelTest {

    @TempDir
    Path directory;

    /** The JDK opens a descriptor of its own, and keeps it, when it closes the first channel of a kind. */
    @BeforeAll
    static void oneOfEachKind() throws Exception {
        Pipe pipe = Pipe.open();
        pipe.sink().close();
        pipe.source().close();
        DatagramChannel.open().close();
        SocketChannel.open().close();
        SocketChannel.open(StandardProtocolFamily.UNIX).close();
        new ServerSocket(0).close();
        AsynchronousSocketChannel.open().close();
        Selector.open().close();
    }

    private static ByteBuffer text(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String read(ReadableByteChannel channel) throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(100);
        channel.read(buffer);
        return new String(buffer.array(), 0, buffer.position(), StandardCharsets.UTF_8);
    }

    private static void wroteThrough(Fd fd, String text) {
        assertEquals(text.length(), fd.write(text(text)));
    }

    @Test
    void anInternetSocket() throws Throwable {
        leavesNoDescriptors(() -> {
            InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
            try (ServerSocketChannel server = ServerSocketChannel.open().bind(any);
                    SocketChannel decoy = SocketChannel.open(server.getLocalAddress());
                    SocketChannel decoyPeer = server.accept();
                    SocketChannel channel = SocketChannel.open(server.getLocalAddress());
                    SocketChannel peer = server.accept()) {
                try (Fd fd = Fd.of(channel)) {
                    assertTrue(channel.isBlocking());
                    wroteThrough(fd, "by the descriptor");
                    assertEquals("by the descriptor", read(peer));
                }
                channel.configureBlocking(false);
                Fd.of(channel).close();
                assertFalse(channel.isBlocking(), "the mode is as it was");
                assertEquals(4, channel.write(text("goes")));
                assertEquals("goes", read(peer));
                try (Fd listening = Fd.of(server); SocketChannel third = SocketChannel.open(server.getLocalAddress())) {
                    assertEquals(Fd.READABLE, listening.poll(Fd.READABLE), "a connection waits");
                    server.accept().close();
                    assertTrue(third.isOpen() && decoy.isOpen() && decoyPeer.isOpen());
                }
            }
        });
    }

    @Test
    void aUnixSocketADatagramSocketAndAPipe() throws Throwable {
        leavesNoDescriptors(() -> {
            UnixDomainSocketAddress address = UnixDomainSocketAddress.of(directory.resolve("s"));
            try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(address);
                    SocketChannel channel = SocketChannel.open(address);
                    SocketChannel peer = server.accept();
                    Fd fd = Fd.of(channel)) {
                wroteThrough(fd, "unix");
                assertEquals("unix", read(peer));
            }
            try (DatagramChannel one = DatagramChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
                    DatagramChannel other = DatagramChannel.open().connect(one.getLocalAddress());
                    Fd fd = Fd.of(other)) {
                wroteThrough(fd, "datagram");
                ByteBuffer buffer = ByteBuffer.allocate(100);
                one.receive(buffer);
                assertEquals(8, buffer.position());
            }
            Pipe pipe = Pipe.open();
            Pipe decoy = Pipe.open();
            try (WritableByteChannel sink = pipe.sink(); ReadableByteChannel source = pipe.source();
                    WritableByteChannel decoySink = decoy.sink(); ReadableByteChannel decoySource = decoy.source();
                    Fd in = Fd.of(pipe.sink()); Fd out = Fd.of(pipe.source())) {
                wroteThrough(in, "pipe");
                ByteBuffer buffer = ByteBuffer.allocate(100);
                assertEquals(4, out.read(buffer));
                assertTrue(sink.isOpen() && source.isOpen() && decoySink.isOpen() && decoySource.isOpen());
            }
        });
    }

    @Test
    void whatIsRegisteredWithASelectorStaysSo() throws Throwable {
        leavesNoDescriptors(() -> {
            Pipe pipe = Pipe.open();
            try (Selector selector = Selector.open(); Pipe.SinkChannel sink = pipe.sink(); Pipe.SourceChannel source = pipe.source()) {
                source.configureBlocking(false);
                source.register(selector, SelectionKey.OP_READ);
                try (Fd fd = Fd.of(source)) {
                    assertFalse(source.isBlocking());
                    sink.write(text("selected"));
                    assertEquals(1, selector.select());
                    ByteBuffer buffer = ByteBuffer.allocate(100);
                    assertEquals(8, fd.read(buffer));
                }
            }
        });
    }

    @Test
    void whatIsClosedOrHasNoneYet() throws Throwable {
        leavesNoDescriptors(() -> {
            SocketChannel channel = SocketChannel.open();
            channel.close();
            fails(Errno.EBADF, () -> Fd.of(channel));
            fails(Errno.EBADF, () -> Fd.of(new Socket()));
            fails(Errno.EBADF, () -> Fd.of(new ServerSocket()));
            ServerSocket server = new ServerSocket(0);
            server.close();
            fails(Errno.EBADF, () -> Fd.of(server));
            DatagramSocket datagrams = new DatagramSocket();
            datagrams.close();
            fails(Errno.EBADF, () -> Fd.of(datagrams));
            Path path = Files.createFile(directory.resolve("file"));
            FileInputStream stream = new FileInputStream(path.toFile());
            stream.close();
            fails(Errno.EBADF, () -> Fd.of(stream));
            fails(Errno.EBADF, () -> Fd.of(new FileDescriptor()));
            AsynchronousSocketChannel asynchronous = AsynchronousSocketChannel.open();
            asynchronous.close();
            fails(Errno.EBADF, () -> Fd.of(asynchronous));
            fails(Errno.EBADF, () -> Fd.of((FileDescriptor) null));
        });
    }

    @Test
    void whatIsNotTheJdks() {
        fails(Errno.ENOTSUP, () -> Fd.of(new ByteArrayInputStream(new byte[1])));
        fails(Errno.ENOTSUP, () -> Fd.of(new DataInputStream(System.in)));
        fails(Errno.ENOTSUP, () -> Fd.of(new BufferedOutputStream(new ByteArrayOutputStream())));
        fails(Errno.ENOTSUP, () -> Fd.of(new AsynchronousChannel() {
            @Override
            public void close() {}

            @Override
            public boolean isOpen() {
                return true;
            }
        }));
    }

    @Test
    void theStandardStreams() {
        for (FileDescriptor standard : List.of(FileDescriptor.in, FileDescriptor.out, FileDescriptor.err)) {
            try (Fd fd = Fd.of(standard)) {
                int number = List.of(FileDescriptor.in, FileDescriptor.out, FileDescriptor.err).indexOf(standard);
                assertEquals(Observe.target(number), Observe.target(fd.number()));
            }
        }
    }

    /** A refused connection closes the descriptor below the socket. */
    @Test
    void aSocketThatCouldNotConnect() throws Throwable {
        leavesNoDescriptors(() -> {
            int free;
            try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                free = server.getLocalPort();
            }
            Socket socket = new Socket();
            assertThrows(IOException.class, () -> socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), free)));
            fails(Errno.EBADF, () -> Fd.of(socket));
        });
    }

    /**
     * Whoever asks for the descriptor of what another thread closes gets it or EBADF, never one that has taken its number: a third
     * thread opens pipes all the time, which get the numbers that become free.
     */
    @Test
    void closedAtThatMoment() throws Throwable {
        leavesNoDescriptors(() -> {
            AtomicBoolean done = new AtomicBoolean();
            Thread opens = Thread.ofPlatform().start(() -> {
                while (!done.get()) {
                    Fd.pipe().close();
                }
            });
            try {
                for (int round = 0, got = 0, late = 0; (got < 300 || late < 300) && round < 20_000; round++) {
                    if (askWhileItIsClosed(round % 2 == 0 ? DatagramChannel.open() : null)) {
                        got++;
                    } else {
                        late++;
                    }
                }
            } finally {
                done.set(true);
                opens.join();
            }
        });
    }

    /** Returns whether the descriptor was had; null: of a java.net socket. */
    private static boolean askWhileItIsClosed(DatagramChannel channel) throws Exception {
        DatagramSocket socket = channel == null ? new DatagramSocket(null) : null;
        String target;
        try (Fd fd = channel == null ? Fd.of(socket) : Fd.of(channel)) {
            target = Observe.target(fd.number());
        }
        assertTrue(target.startsWith("socket:"), target);
        CyclicBarrier start = new CyclicBarrier(2);
        Thread closes = Thread.ofPlatform().start(() -> {
            try {
                start.await();
                if (channel == null) {
                    socket.close();
                } else {
                    channel.close();
                }
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
        start.await();
        try (Fd fd = channel == null ? Fd.of(socket) : Fd.of(channel)) {
            assertEquals(target, Observe.target(fd.number()));
            return true;
        } catch (TetrapylonException e) {
            assertEquals(Errno.EBADF, e.errno());
            return false;
        } finally {
            closes.join();
        }
    }

    @Test
    void aSocketOfTheJdkCanBeSent() throws Throwable {
        leavesNoDescriptors(() -> {
            UnixDomainSocketAddress address = UnixDomainSocketAddress.of(directory.resolve("t"));
            try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(address);
                    SocketChannel channel = SocketChannel.open(address);
                    SocketChannel peer = server.accept();
                    Endpoint.Pair pair = Endpoint.pair();
                    Fd fd = Fd.of(channel)) {
                pair.first().send(new ByteBuffer[] {text("x")}, new Fd[] {fd});
                try (Received received = new Received(1)) {
                    pair.second().receive(new ByteBuffer[] {ByteBuffer.allocate(10)}, received);
                    try (Fd arrived = received.take(0)) {
                        wroteThrough(arrived, "sent on");
                    }
                }
                assertEquals("sent on", read(peer));
            }
        });
    }
}
