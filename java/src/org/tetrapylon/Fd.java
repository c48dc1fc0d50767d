package org.tetrapylon;

import java.io.FileDescriptor;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.net.DatagramSocket;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousChannel;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.channels.SelectableChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.HashSet;
import java.util.Objects;
import java.util.Set;
import org.tetrapylon.generated.core.tetrapylon_h;
import org.tetrapylon.internal.Deadline;
import org.tetrapylon.internal.Descriptor;
import org.tetrapylon.internal.FdAccess;
import org.tetrapylon.internal.FdTransfer;
import org.tetrapylon.internal.Leaks;
import org.tetrapylon.internal.NativeLibrary;
import org.tetrapylon.internal.OwnDescriptors;

/**
 * A file descriptor: an open file, pipe, socket, memory file or whatever else the kernel gives a number. The object owns the
 * descriptor and closes it exactly once; one that is forgotten is closed when the object is collected, and reported to the
 * {@linkplain System.Logger logger} {@value #LOGGER}. With {@code -Dtetrapylon.leaks=trace} the report shows where the
 * object was made.
 *
 * <p>Calls that wait end with {@link InterruptedCallException} when their thread is interrupted, and with {@link Errno#EBADF}
 * when the descriptor is closed. A virtual thread does not hold its carrier while it waits for a pipe or socket; reading and
 * writing files on disk is done at once. All descriptors are closed on exec.
 *
 * <p>Thread-safe. A failed call throws {@link TetrapylonException}.
 */
public final class Fd implements AutoCloseable {

    /** The name of the logger that leaks are reported to, at level WARNING. */
    public static final String LOGGER = Leaks.LOGGER;

    /** {@link #poll}: reading does not block: there is data, a connection, or the end. */
    public static final int READABLE = tetrapylon_h.TPY_FD_READABLE();
    /** {@link #poll}: writing does not block. */
    public static final int WRITABLE = tetrapylon_h.TPY_FD_WRITABLE();
    /** {@link #poll}: an error is pending; reported also when not asked for. */
    public static final int ERROR = tetrapylon_h.TPY_FD_ERROR();
    /** {@link #poll}: the other side has gone; reported also when not asked for. */
    public static final int HANGUP = tetrapylon_h.TPY_FD_HANGUP();
    /** {@link #poll}: the other side will send nothing more. */
    public static final int PEER_CLOSED = tetrapylon_h.TPY_FD_PEER_CLOSED();

    private static final long PAGE;

    static {
        NativeLibrary.load();
        PAGE = tetrapylon_h.tpy_fd_page_size();
        new FdAccess() {
            {
                install();
            }

            @Override
            protected Descriptor descriptor(Fd fd) {
                return fd.descriptor;
            }

            @Override
            protected Fd make(int number) {
                return new Fd(number);
            }
        };
    }

    private final Descriptor descriptor;
    private final Cleaner.Cleanable leak;

    /**
     * Both ends of a pipe.
     *
     * @param source for reading
     * @param sink for writing
     */
    public record Pipe(Fd source, Fd sink) implements AutoCloseable {
        @Override
        public void close() {
            source.close();
            sink.close();
        }
    }

    private Fd(int number) {
        descriptor = new Descriptor(number);
        leak = Leaks.watch(this, "File descriptor", descriptor, () -> tetrapylon_h.tpy_fd_close(number));
    }

    /**
     * {@return an object that owns a descriptor which has only been a number so far}
     *
     * @param number the number; nobody else may close it from now on
     * @throws TetrapylonException EBADF it is not open
     */
    public static Fd adopt(int number) {
        check("fcntl", tetrapylon_h.tpy_fd_how(number));
        return new Fd(number);
    }

    /**
     * {@return a duplicate of a descriptor that is known by its number, such as 0, 1 and 2 for the standard streams}
     *
     * @param number the number, which stays with whom it belongs to
     */
    public static Fd duplicateOf(int number) {
        return new Fd(check("dup", tetrapylon_h.tpy_fd_duplicate(number)));
    }

    /**
     * {@return a file that has been opened, for reading if no option says otherwise}
     *
     * @param path the file
     * @param options those of {@link StandardOpenOption} but SPARSE, SYNC, DSYNC and DELETE_ON_CLOSE
     */
    public static Fd open(Path path, OpenOption... options) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(path.toString());
            return new Fd(check("open", tetrapylon_h.tpy_fd_open(name, how(options)), path.toString()));
        }
    }

    private static int how(OpenOption... options) {
        int how = 0;
        for (OpenOption option : options) {
            if (!(option instanceof StandardOpenOption standard)) {
                throw new UnsupportedOperationException(option + " is not supported");
            }
            how |= switch (standard) {
                case READ -> tetrapylon_h.TPY_FD_READ();
                case WRITE -> tetrapylon_h.TPY_FD_WRITE();
                case APPEND -> tetrapylon_h.TPY_FD_WRITE() | tetrapylon_h.TPY_FD_APPEND();
                case TRUNCATE_EXISTING -> tetrapylon_h.TPY_FD_TRUNCATE();
                case CREATE -> tetrapylon_h.TPY_FD_CREATE();
                case CREATE_NEW -> tetrapylon_h.TPY_FD_CREATE_NEW();
                default -> throw new UnsupportedOperationException(option + " is not supported");
            };
        }
        boolean reads = (how & tetrapylon_h.TPY_FD_READ()) != 0;
        boolean writes = (how & tetrapylon_h.TPY_FD_WRITE()) != 0;
        if (!writes) { // as Files.newByteChannel has it: what only matters to a writer is ignored
            how = tetrapylon_h.TPY_FD_READ();
        }
        return reads ? how | tetrapylon_h.TPY_FD_READ() : how;
    }

    /**
     * {@return a new memory file of that size, all zeros}
     *
     * @param name only for the eye, in {@code /proc}; up to 249 bytes
     * @param size in bytes
     */
    public static Fd memfd(String name, long size) {
        try (Arena arena = Arena.ofConfined()) {
            return new Fd(check("memfd_create", tetrapylon_h.tpy_fd_memory(arena.allocateFrom(name), size)));
        }
    }

    /** {@return a new pipe} */
    public static Pipe pipe() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment fds = arena.allocate(2 * Integer.BYTES, Integer.BYTES);
            check("pipe", tetrapylon_h.tpy_fd_pipe(fds));
            return new Pipe(new Fd(fds.get(tetrapylon_h.C_INT, 0)), new Fd(fds.get(tetrapylon_h.C_INT, Integer.BYTES)));
        }
    }

    // ---- Duplicates of what the JDK has open; they share position, options and mode with it, and it stays open ----

    /**
     * {@return a duplicate of the descriptor behind a file's channel, of whatever kind the file is}
     *
     * @param channel the JDK's own
     * @throws TetrapylonException EBADF it is closed; ENOTSUP it is not the JDK's
     */
    public static Fd of(FileChannel channel) {
        return new Fd(check("dup", OwnDescriptors.duplicateOf(channel)));
    }

    /**
     * {@return a duplicate of the descriptor behind a {@code SocketChannel}, {@code ServerSocketChannel}, {@code DatagramChannel}, or an
     * end of a {@code java.nio.channels.Pipe}} Closing a connected channel that is registered with a selector ends the connection for
     * the duplicate too, for the JDK shuts it down then: deregister it first.
     *
     * @param channel the JDK's own, registered with a selector or not
     * @throws TetrapylonException EBADF it is closed; ENOTSUP it is not the JDK's
     */
    public static Fd of(SelectableChannel channel) {
        return new Fd(check("dup", OwnDescriptors.duplicateOf(channel)));
    }

    /**
     * {@return a duplicate of the descriptor behind an asynchronous channel of a file or socket}
     *
     * @param channel the JDK's own
     * @throws TetrapylonException EBADF it is closed; ENOTSUP it is not the JDK's
     */
    public static Fd of(AsynchronousChannel channel) {
        return new Fd(check("dup", OwnDescriptors.duplicateOf(channel)));
    }

    /**
     * {@return a duplicate of the descriptor behind a socket} The JDK's {@code close} of a connected socket shuts its sending side
     * down, for the duplicate too: keep the socket open as long as the duplicate is used, or set its SO_LINGER to 0 before, which
     * leaves the connection alone as long as there is a duplicate.
     *
     * @param socket bound or connected; of a socket that is layered over another one, give that one
     * @throws TetrapylonException EBADF it is closed, or has never been bound or connected; ENOTSUP it is not the JDK's
     */
    public static Fd of(Socket socket) {
        return new Fd(check("dup", OwnDescriptors.duplicateOf(socket)));
    }

    /**
     * {@return a duplicate of the descriptor behind a server's socket}
     *
     * @param socket bound
     * @throws TetrapylonException EBADF it is closed, or has never been bound; ENOTSUP it is not the JDK's
     */
    public static Fd of(ServerSocket socket) {
        return new Fd(check("dup", OwnDescriptors.duplicateOf(socket)));
    }

    /**
     * {@return a duplicate of the descriptor behind a datagram socket}
     *
     * @param socket bound or not
     * @throws TetrapylonException EBADF it is closed; ENOTSUP it is not the JDK's
     */
    public static Fd of(DatagramSocket socket) {
        return new Fd(check("dup", OwnDescriptors.duplicateOf(socket)));
    }

    /**
     * {@return a duplicate of a descriptor the JDK has open}
     *
     * @param descriptor as {@code getFD} of {@code RandomAccessFile}, {@code FileInputStream} and {@code FileOutputStream} tells it
     * @throws TetrapylonException EBADF it is closed
     */
    public static Fd of(FileDescriptor descriptor) {
        return new Fd(check("dup", OwnDescriptors.duplicateOf(descriptor)));
    }

    /**
     * {@return a duplicate of the descriptor a stream reads from} What the stream has read and holds back in a buffer does not come
     * with it.
     *
     * @param stream a {@code FileInputStream}, or a {@code BufferedInputStream} on one, such as {@code System.in} and what a {@code
     *         Process} hands out as long as it runs
     * @throws TetrapylonException EBADF it is closed; ENOTSUP it is another stream
     */
    public static Fd of(InputStream stream) {
        return new Fd(check("dup", OwnDescriptors.duplicateOf(stream)));
    }

    /**
     * {@return a duplicate of the descriptor a stream writes to} What the stream still holds in a buffer is not flushed.
     *
     * @param stream a {@code FileOutputStream}, or a {@code BufferedOutputStream} or {@code PrintStream} on one, such as {@code System.out}
     *         and what a {@code Process} is written to by
     * @throws TetrapylonException EBADF it is closed; ENOTSUP it is another stream
     */
    public static Fd of(OutputStream stream) {
        return new Fd(check("dup", OwnDescriptors.duplicateOf(stream)));
    }

    /**
     * {@return the number of the descriptor} It stays the object's: others may use it only as long as this is open.
     *
     * @throws TetrapylonException EBADF this is closed
     */
    public int number() {
        if (descriptor.isClosed()) {
            throw new TetrapylonException("number", Errno.EBADF);
        }
        return descriptor.number();
    }

    /** {@return the number of the descriptor, which belongs to the caller from now on; this is closed} */
    public int release() {
        if (!descriptor.shut()) {
            throw new TetrapylonException("release", Errno.EBADF);
        }
        leak.clean();
        return descriptor.number();
    }

    /** {@return whether this has not been closed} */
    public boolean isOpen() {
        return !descriptor.isClosed();
    }

    /** {@return another descriptor of the same open file: they share position and mode, and are closed one by one} */
    public Fd dup() {
        return new Fd((int) using("dup", () -> tetrapylon_h.tpy_fd_duplicate(descriptor.number())));
    }

    /**
     * Reads where the descriptor stands; waits until there is something.
     *
     * @param bytes takes what is read
     * @return how many bytes, 0 at the end
     */
    public long read(MemorySegment bytes) {
        return FdTransfer.read(descriptor, bytes, tetrapylon_h.TPY_FD_NO_POSITION());
    }

    /**
     * Reads from a position and leaves the descriptor where it stands.
     *
     * @param bytes takes what is read
     * @param position in bytes, from the beginning of the file
     * @return how many bytes, 0 at the end
     */
    public long read(MemorySegment bytes, long position) {
        return FdTransfer.read(descriptor, bytes, notNegative(position));
    }

    /**
     * Reads as {@link #read(MemorySegment)} does; the buffer's position is moved.
     *
     * @param bytes takes what is read
     * @return how many bytes, 0 at the end
     */
    public int read(ByteBuffer bytes) {
        return advance(bytes, read(MemorySegment.ofBuffer(bytes)));
    }

    /**
     * Reads as {@link #read(MemorySegment, long)} does; the buffer's position is moved.
     *
     * @param bytes takes what is read
     * @param position in bytes, from the beginning of the file
     * @return how many bytes, 0 at the end
     */
    public int read(ByteBuffer bytes, long position) {
        return advance(bytes, read(MemorySegment.ofBuffer(bytes), position));
    }

    /**
     * Writes where the descriptor stands; waits until there is room for some of it.
     *
     * @param bytes what is written
     * @return how many bytes have been written
     * @throws TetrapylonException EPIPE nobody reads from the pipe or socket any more
     */
    public long write(MemorySegment bytes) {
        return FdTransfer.write(descriptor, bytes, tetrapylon_h.TPY_FD_NO_POSITION());
    }

    /**
     * Writes at a position and leaves the descriptor where it stands.
     *
     * @param bytes what is written
     * @param position in bytes, from the beginning of the file
     * @return how many bytes have been written
     */
    public long write(MemorySegment bytes, long position) {
        return FdTransfer.write(descriptor, bytes, notNegative(position));
    }

    /**
     * Writes as {@link #write(MemorySegment)} does; the buffer's position is moved.
     *
     * @param bytes what is written
     * @return how many bytes have been written
     */
    public int write(ByteBuffer bytes) {
        return advance(bytes, write(MemorySegment.ofBuffer(bytes)));
    }

    /**
     * Writes as {@link #write(MemorySegment, long)} does; the buffer's position is moved.
     *
     * @param bytes what is written
     * @param position in bytes, from the beginning of the file
     * @return how many bytes have been written
     */
    public int write(ByteBuffer bytes, long position) {
        return advance(bytes, write(MemorySegment.ofBuffer(bytes), position));
    }

    private static int advance(ByteBuffer bytes, long moved) {
        bytes.position(bytes.position() + (int) moved);
        return (int) moved;
    }

    private static long notNegative(long position) {
        if (position < 0) {
            throw new IllegalArgumentException("negative position " + position);
        }
        return position;
    }

    /** {@return the file's size in bytes} */
    public long size() {
        return using("fstat", () -> tetrapylon_h.tpy_fd_size(descriptor.number()));
    }

    /**
     * Cuts the file, or lets it grow with zeros.
     *
     * @param size in bytes
     */
    public void resize(long size) {
        using("ftruncate", () -> tetrapylon_h.tpy_fd_resize(descriptor.number(), size));
    }

    /**
     * Maps a part of the file. The mapping lives as long as the arena, also when this is closed. If somebody cuts the file
     * below it, access to what is gone throws {@link InternalError}; whoever does not trust the others that have the file asks
     * for a sealed one.
     *
     * @param mode for PRIVATE, what is written stays in this mapping
     * @param offset where the part begins, in bytes; need not be a multiple of the page size
     * @param size in bytes, not more than the file has there
     * @param arena when it is closed, the mapping goes
     * @return the part
     */
    public MemorySegment map(MapMode mode, long offset, long size, Arena arena) {
        Objects.checkFromIndexSize(offset, size, size());
        if (size == 0) {
            return MemorySegment.NULL.reinterpret(0, arena, null);
        }
        int how = mode == MapMode.READ_ONLY ? tetrapylon_h.TPY_FD_READ()
                : tetrapylon_h.TPY_FD_READ() | tetrapylon_h.TPY_FD_WRITE();
        int shared = mode == MapMode.PRIVATE ? 0 : 1;
        long before = offset % PAGE;
        long length = before + size;
        long address = using("mmap", () ->
                tetrapylon_h.tpy_fd_map(descriptor.number(), offset - before, length, how, shared));
        MemorySegment mapping;
        try {
            mapping = MemorySegment.ofAddress(address)
                    .reinterpret(length, arena, it -> tetrapylon_h.tpy_fd_unmap(address, length));
        } catch (RuntimeException | Error e) {
            tetrapylon_h.tpy_fd_unmap(address, length);
            throw e;
        }
        MemorySegment part = mapping.asSlice(before);
        return mode == MapMode.READ_ONLY ? part.asReadOnly() : part;
    }

    /**
     * Waits until one of the events is there.
     *
     * @param events {@link #READABLE}, {@link #WRITABLE} and so on, added
     * @param timeout how long; zero only looks
     * @return the events that are there, 0 when the time was over
     */
    public int poll(int events, Duration timeout) {
        return awaiting(events, Deadline.after(timeout));
    }

    /**
     * Waits until one of the events is there, as long as it takes.
     *
     * @param events {@link #READABLE}, {@link #WRITABLE} and so on, added
     * @return the events that are there
     */
    public int poll(int events) {
        return awaiting(events, Deadline.NEVER);
    }

    private int awaiting(int events, long deadline) {
        return FdTransfer.poll(descriptor, events, deadline);
    }

    /**
     * Ends one direction of a socket, or both, for all who have it.
     *
     * @param reading nothing more can be received
     * @param writing nothing more can be sent; the other side sees the end
     */
    public void shutdown(boolean reading, boolean writing) {
        int how = (reading ? tetrapylon_h.TPY_FD_READ() : 0) | (writing ? tetrapylon_h.TPY_FD_WRITE() : 0);
        using("shutdown", () -> tetrapylon_h.tpy_fd_shutdown(descriptor.number(), how));
    }

    /**
     * {@return a channel on the same file, readable and writable as this is} It is an opening of its own
     * ({@code /proc/self/fd/N}): it has its own position, which begins at 0, is closed by itself and lives on when this is
     * closed. Works for files on disk and in memory, pipes, FIFOs and devices that can be opened again; not for sockets,
     * epoll and the like, nor for a file that another user opened and this process has no right to open itself: read those
     * by this object's own methods.
     *
     * @throws UncheckedIOException it cannot be opened again
     */
    public FileChannel toFileChannel() {
        int how = (int) using("fcntl", () -> tetrapylon_h.tpy_fd_how(descriptor.number()));
        Set<OpenOption> options = new HashSet<>();
        boolean appends = (how & tetrapylon_h.TPY_FD_APPEND()) != 0;
        if ((how & tetrapylon_h.TPY_FD_READ()) != 0 && !appends) {
            options.add(StandardOpenOption.READ);
        }
        if ((how & tetrapylon_h.TPY_FD_WRITE()) != 0) {
            options.add(appends ? StandardOpenOption.APPEND : StandardOpenOption.WRITE);
        }
        if (!descriptor.enter()) {
            throw new TetrapylonException("toFileChannel", Errno.EBADF);
        }
        try {
            return FileChannel.open(Path.of("/proc/self/fd/" + descriptor.number()), options);
        } catch (IOException e) {
            throw new UncheckedIOException("Descriptor " + descriptor.number() + " cannot be opened as a file", e);
        } finally {
            descriptor.leave();
        }
    }

    /**
     * Closes the descriptor. Who waits on it in another thread comes back with EBADF; who is sending it to another process is
     * waited for. Does nothing when it is closed.
     */
    @Override
    public void close() {
        if (descriptor.shut()) {
            int error = tetrapylon_h.tpy_fd_close(descriptor.number());
            leak.clean();
            // The number is free all the same.
            if (error < 0 && error != -Errno.EINTR) {
                throw new TetrapylonException("close", error);
            }
        }
    }

    @Override
    public String toString() {
        return "Fd[" + (descriptor.isClosed() ? "closed" : Integer.toString(descriptor.number())) + "]";
    }

    /** A native call that returns a negative errno on failure. */
    private interface NativeCall {
        long run();
    }

    private long using(String name, NativeCall call) {
        if (!descriptor.enter()) {
            throw new TetrapylonException(name, Errno.EBADF);
        }
        try {
            return FdTransfer.check(name, call.run());
        } finally {
            descriptor.leave();
        }
    }

    private static int check(String call, int result) {
        return check(call, result, null);
    }

    private static int check(String call, int result, String detail) {
        if (result < 0) {
            throw new TetrapylonException(call, result, detail);
        }
        return result;
    }
}
