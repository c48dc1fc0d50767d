package org.tetrapylon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.Observe.fails;
import static org.tetrapylon.Observe.leavesNoDescriptors;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.Pipe;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.tetrapylon.mm.Endpoint;
import org.tetrapylon.mm.Received;

/** The descriptors of the JDK's own sockets and pipes, found by the mode that they follow. Each test has decoys of the same kind. */
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
    void whatCannotBeFound() throws Throwable {
        leavesNoDescriptors(() -> {
            SocketChannel closed = SocketChannel.open();
            closed.close();
            fails(Errno.EBADF, () -> Fd.of(closed));
            Pipe pipe = Pipe.open();
            try (Selector selector = Selector.open(); Pipe.SinkChannel sink = pipe.sink(); Pipe.SourceChannel source = pipe.source()) {
                source.configureBlocking(false);
                source.register(selector, SelectionKey.OP_READ);
                fails(Errno.EBUSY, () -> Fd.of(source));
                assertFalse(source.isBlocking());
                assertTrue(sink.isOpen());
            }
        });
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
