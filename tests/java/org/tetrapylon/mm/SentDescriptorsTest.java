package org.tetrapylon.mm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.mm.MmSupport.name;

import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.AsynchronousServerSocketChannel;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.DatagramChannel;
import java.nio.channels.FileChannel;
import java.nio.channels.Pipe;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.tetrapylon.Fd;

/**
 * Everything of a Java process's own that has a descriptor is sent to a process in C and used there, after it has been closed
 * here wherever that leaves anything to see.
 */
@Timeout(30)
class SentDescriptorsTest {

    private static final InetAddress HERE = InetAddress.getLoopbackAddress();

    @TempDir
    Path directory;

    private Process process;
    private Endpoint other;

    @BeforeEach
    void startTheOther() throws Exception {
        String name = name();
        try (Server server = Server.listen(name)) {
            process = Processes.peer("use", name);
            other = server.accept();
        }
    }

    @AfterEach
    void endTheOther() throws Exception {
        other.close();
        assertEquals(0, process.waitFor(), "the other process is content");
    }

    private static ByteBuffer text(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Hands the descriptor over, which is closed here. */
    private void give(Fd fd) {
        try (fd) {
            other.send(new ByteBuffer[] {text("k")}, new Fd[] {fd});
        }
        assertEquals("", answer());
    }

    private String tell(String order) {
        other.send(text(order));
        return answer();
    }

    private String answer() {
        byte[] room = new byte[100];
        long size = other.receive(MemorySegment.ofArray(room));
        return new String(room, 0, (int) size, StandardCharsets.UTF_8);
    }

    /** A file that holds a text. */
    private Path file(String text) throws Exception {
        return Files.writeString(directory.resolve("file"), text);
    }

    private Path fifo() throws Exception {
        Path path = directory.resolve("fifo");
        assertEquals(0, new ProcessBuilder("mkfifo", path.toString()).start().waitFor());
        return path;
    }

    // ---- Files ----

    @Test
    void aFileChannelAtItsPosition() throws Exception {
        try (FileChannel channel = FileChannel.open(file("what is read"), StandardOpenOption.READ)) {
            channel.position(5);
            give(Fd.of(channel));
            assertEquals(5, channel.position());
        }
        assertEquals("is read", tell("r"));
    }

    @Test
    void anAppendingFileStream() throws Exception {
        Path path = file("there was ");
        try (FileOutputStream stream = new FileOutputStream(path.toFile(), true)) {
            give(Fd.of(stream));
        }
        tell("wmore");
        assertEquals("there was more", Files.readString(path));
    }

    @Test
    void aFileInputStreamAndItsDescriptor() throws Exception {
        Path path = file("to read");
        try (FileInputStream stream = new FileInputStream(path.toFile())) {
            give(Fd.of(stream));
        }
        assertEquals("to read", tell("r"));
        try (FileInputStream stream = new FileInputStream(path.toFile())) {
            give(Fd.of(stream.getFD()));
        }
        assertEquals("to read", tell("r"));
    }

    @Test
    void aRandomAccessFile() throws Exception {
        Path path = file("0123456789");
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.seek(4);
            give(Fd.of(file.getFD()));
        }
        tell("wXY");
        assertEquals("0123XY6789", Files.readString(path));
        assertEquals("6789", tell("r"), "the position goes with it");
    }

    @Test
    void anAsynchronousFile() throws Exception {
        try (AsynchronousFileChannel channel = AsynchronousFileChannel.open(file("later"), StandardOpenOption.READ)) {
            give(Fd.of(channel));
        }
        assertEquals("later", tell("r"));
    }

    @Test
    void aFifoWhichHasNoPosition() throws Exception {
        Path path = fifo();
        try (FileChannel reads = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
                FileChannel writes = FileChannel.open(path, StandardOpenOption.WRITE)) {
            give(Fd.of(writes));
            tell("wby fifo");
            ByteBuffer room = ByteBuffer.allocate(20);
            reads.read(room);
            assertEquals(text("by fifo"), room.flip());
        }
    }

    @Test
    void aMemoryFile() {
        Fd memory = Fd.memfd("sent", 0);
        try (Fd stays = memory.dup()) {
            give(memory);
            tell("wkept");
            assertEquals(4, stays.size());
        }
    }

    // ---- Pipes ----

    @Test
    void theEndsOfAPipe() throws Exception {
        Pipe pipe = Pipe.open();
        give(Fd.of(pipe.sink()));
        pipe.sink().close();
        tell("wthere");
        ByteBuffer room = ByteBuffer.allocate(20);
        pipe.source().read(room);
        assertEquals(text("there"), room.flip());
        pipe.source().close();
        Pipe back = Pipe.open();
        try (Selector selector = Selector.open()) {
            register(back.source(), selector);
            give(Fd.of(back.source()));
            back.source().close();
            back.sink().write(text("and back"));
            assertEquals("and back", tell("r"));
        }
        back.sink().close();
    }

    @Test
    void thePipesOfAChildProcess() throws Exception {
        Process child = new ProcessBuilder("cat").start();
        give(Fd.of(child.getOutputStream()));
        tell("wthrough cat");
        byte[] room = new byte[20];
        assertEquals(11, child.getInputStream().read(room));
        give(Fd.of(child.getInputStream()));
        child.getOutputStream().write("once more".getBytes(StandardCharsets.UTF_8));
        child.getOutputStream().flush();
        assertEquals("once more", tell("r"));
        child.destroyForcibly().waitFor();
    }

    // ---- Sockets of java.net, which have no channel ----

    @Test
    void aSocket() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 5, HERE)) {
            Socket socket = new Socket(HERE, server.getLocalPort());
            try (Socket decoy = new Socket(HERE, server.getLocalPort());
                    Socket peer = server.accept();
                    Socket decoyPeer = server.accept()) {
                give(Fd.of(socket));
                socket.setSoLinger(true, 0); // else closing it here would shut it down there
                socket.close();
                tell("wfrom elsewhere");
                byte[] room = new byte[20];
                assertEquals(14, peer.getInputStream().read(room));
                peer.getOutputStream().write("an answer".getBytes(StandardCharsets.UTF_8));
                assertEquals("an answer", tell("r"));
                give(Fd.of(decoyPeer));
                tell("wx");
                assertEquals('x', decoy.getInputStream().read());
            }
        }
    }

    @Test
    void aServersSocket() throws Exception {
        ServerSocket server = new ServerSocket(0, 5, HERE);
        int port = server.getLocalPort();
        give(Fd.of(server));
        server.close();
        try (Socket client = new Socket(HERE, port)) {
            tell("awelcome");
            assertEquals("welcome", new String(client.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    @Test
    void aDatagramSocket() throws Exception {
        try (DatagramSocket one = new DatagramSocket(0, HERE); DatagramSocket two = new DatagramSocket(0, HERE)) {
            two.connect(one.getLocalSocketAddress());
            give(Fd.of(two));
            tell("wdatagram");
            DatagramPacket packet = new DatagramPacket(new byte[20], 20);
            one.receive(packet);
            assertEquals(8, packet.getLength());
            assertEquals(two.getLocalPort(), packet.getPort());
        }
    }

    // ---- Channels that are registered with a selector ----

    private static void register(SelectableChannel channel, Selector selector) throws Exception {
        channel.configureBlocking(false);
        channel.register(selector, channel.validOps() & ~SelectionKey.OP_CONNECT);
        selector.selectNow();
    }

    @Test
    void aRegisteredSocketChannel() throws Exception {
        try (Selector selector = Selector.open();
                ServerSocketChannel server = ServerSocketChannel.open().bind(new InetSocketAddress(HERE, 0));
                SocketChannel channel = SocketChannel.open(server.getLocalAddress());
                SocketChannel peer = server.accept()) {
            register(channel, selector);
            give(Fd.of(channel));
            assertTrue(channel.isRegistered() && !channel.isBlocking(), "it is as it was");
            tell("wby selector");
            ByteBuffer room = ByteBuffer.allocate(20);
            peer.read(room);
            assertEquals(text("by selector"), room.flip());
            give(Fd.of(channel.socket()));
            tell("w, by its socket");
            peer.read(room.clear());
            assertEquals(text(", by its socket"), room.flip());
            register(server, selector);
            give(Fd.of(server));
            try (SocketChannel client = SocketChannel.open(server.getLocalAddress())) {
                tell("ahello");
                client.read(room.clear());
                assertEquals(text("hello"), room.flip());
            }
        }
    }

    /** The JDK shuts a registered connection down when it closes it, unless it is told not to linger. */
    @Test
    void aConnectionThatIsClosedHere() throws Exception {
        try (Selector selector = Selector.open();
                ServerSocketChannel server = ServerSocketChannel.open().bind(new InetSocketAddress(HERE, 0))) {
            for (boolean registered : new boolean[] {false, true}) {
                SocketChannel channel = SocketChannel.open(server.getLocalAddress());
                try (SocketChannel peer = server.accept()) {
                    if (registered) {
                        register(channel, selector);
                        channel.setOption(StandardSocketOptions.SO_LINGER, 0);
                    }
                    give(Fd.of(channel));
                    channel.close();
                    selector.selectNow();
                    tell("wlives on");
                    ByteBuffer room = ByteBuffer.allocate(20);
                    peer.read(room);
                    assertEquals(text("lives on"), room.flip());
                }
            }
        }
    }

    @Test
    void aRegisteredUnixSocket() throws Exception {
        UnixDomainSocketAddress address = UnixDomainSocketAddress.of(directory.resolve("socket"));
        try (Selector selector = Selector.open();
                ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(address);
                SocketChannel decoy = SocketChannel.open(address);
                SocketChannel decoyPeer = server.accept();
                SocketChannel channel = SocketChannel.open(address);
                SocketChannel peer = server.accept()) {
            register(decoy, selector);
            register(channel, selector);
            give(Fd.of(channel));
            tell("wunix");
            ByteBuffer room = ByteBuffer.allocate(20);
            peer.read(room);
            assertEquals(text("unix"), room.flip());
            decoyPeer.configureBlocking(false);
            assertEquals(0, decoyPeer.read(room.clear()));
        }
    }

    @Test
    void aRegisteredDatagramChannel() throws Exception {
        try (Selector selector = Selector.open();
                DatagramChannel one = DatagramChannel.open().bind(new InetSocketAddress(HERE, 0));
                DatagramChannel two = DatagramChannel.open().connect(one.getLocalAddress())) {
            register(two, selector);
            give(Fd.of(two));
            tell("wdatagram");
            ByteBuffer room = ByteBuffer.allocate(20);
            one.receive(room);
            assertEquals(text("datagram"), room.flip());
        }
    }

    // ---- Asynchronous channels ----

    @Test
    void asynchronousSockets() throws Exception {
        try (AsynchronousServerSocketChannel server =
                        AsynchronousServerSocketChannel.open().bind(new InetSocketAddress(HERE, 0));
                AsynchronousSocketChannel client = AsynchronousSocketChannel.open()) {
            var accepted = server.accept();
            client.connect(server.getLocalAddress()).get();
            try (AsynchronousSocketChannel peer = accepted.get()) {
                give(Fd.of(client));
                tell("wasynchronous");
                ByteBuffer room = ByteBuffer.allocate(20);
                peer.read(room).get();
                assertEquals(text("asynchronous"), room.flip());
            }
            give(Fd.of(server));
            try (Socket second = new Socket(HERE, ((InetSocketAddress) server.getLocalAddress()).getPort())) {
                tell("atoo");
                assertEquals("too", new String(second.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
            }
        }
    }
}
