package org.tetrapylon.bench;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.function.Consumer;

/** The JDK's own: a blocking SocketChannel over a Unix-domain socket; a thread for each client of a server. */
final class JdkContender implements Contender {

    @Override
    public void serve(String endpoint, int clients, MemorySegment message, Consumer<String> ready) throws Exception {
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(Path.of(endpoint)));
            ready.accept(endpoint);
            for (int i = 1; i < clients; i++) {
                SocketChannel channel = server.accept();
                MemorySegment own = Arena.global().allocate(LARGEST, 4096);
                Thread.ofPlatform().daemon().start(() -> answerUnlessGone(channel, own));
            }
            answerAll(server.accept(), message);
        }
    }

    private static void answerUnlessGone(SocketChannel channel, MemorySegment message) {
        try {
            answerAll(channel, message);
        } catch (IOException gone) {
            gone.printStackTrace();
        }
    }

    private static void answerAll(SocketChannel channel, MemorySegment message) throws IOException {
        ByteBuffer buffer = message.asByteBuffer();
        for (;;) {
            read(channel, message, buffer);
            write(channel, buffer, Message.answer(message));
        }
    }

    @Override
    public Client connect(String address, int index, MemorySegment request, MemorySegment reply) throws Exception {
        SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(Path.of(address)));
        ByteBuffer out = request.asByteBuffer();
        ByteBuffer in = reply.asByteBuffer();
        return size -> {
            write(channel, out, size);
            read(channel, reply, in);
        };
    }

    private static void write(SocketChannel channel, ByteBuffer buffer, int size) throws IOException {
        buffer.clear().limit(size);
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    /** A message's first word tells its size; no message follows before it has been answered. */
    private static void read(SocketChannel channel, MemorySegment message, ByteBuffer buffer) throws IOException {
        buffer.clear();
        do {
            if (channel.read(buffer) < 0) {
                throw new EOFException();
            }
        } while (buffer.position() < Long.BYTES || buffer.position() < Message.size(message));
    }
}
