package org.tetrapylon.bench;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import org.tetrapylon.mm.Endpoint;
import org.tetrapylon.mm.Server;

/** Ours, by mmlib's IPC as Java programs use it: the counterpart of contender_mm.c. One client. */
final class MmContender implements Contender {

    /** Segments of a message's size are made once for each size. */
    private static final class Sized {
        private final MemorySegment whole;
        private MemorySegment part = MemorySegment.NULL;

        Sized(MemorySegment whole) {
            this.whole = whole;
        }

        MemorySegment of(int size) {
            if (part.byteSize() != size) {
                part = whole.asSlice(0, size);
            }
            return part;
        }
    }

    @Override
    public void serve(String endpoint, int clients, MemorySegment message, Consumer<String> ready) {
        try (Server server = Server.listen(endpoint)) {
            ready.accept(endpoint);
            Endpoint client = server.accept();
            Sized reply = new Sized(message);
            for (;;) {
                client.receive(message);
                client.send(reply.of(Message.answer(message)));
            }
        }
    }

    @Override
    public Client connect(String address, int index, MemorySegment request, MemorySegment reply) {
        Endpoint server = Endpoint.connect(address);
        Sized out = new Sized(request);
        return size -> {
            server.send(out.of(size));
            if (server.receive(reply) != size) {
                throw new IllegalStateException("a reply of another size");
            }
        };
    }
}
