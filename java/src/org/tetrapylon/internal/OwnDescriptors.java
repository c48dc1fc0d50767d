package org.tetrapylon.internal;

import java.io.FileDescriptor;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.DatagramSocket;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.nio.channels.Channel;
import java.util.concurrent.Callable;
import java.util.function.BooleanSupplier;
import org.tetrapylon.Errno;
import org.tetrapylon.generated.core.tetrapylon_h;

/**
 * Duplicates the descriptor behind an object of the JDK. The JDK does not tell its number, so native code reads it (see
 * {@code native/fd/java.c} and docs/decisions/java-descriptors.md).
 *
 * <p>The number may come to mean something else as soon as another thread closes the object. But whoever closes says so in the
 * object before he gives the number back to the kernel: so an object that is open after its number was duplicated was open
 * when it was, and the duplicate is of the right file.
 *
 * <p>Thread-safe.
 */
public final class OwnDescriptors {

    static {
        NativeLibrary.load();
    }

    private OwnDescriptors() {}

    /** {@return a duplicate of a channel's descriptor, or a negative errno} */
    public static int duplicateOf(Channel channel) {
        return duplicate(channel, channel::isOpen);
    }

    /** {@return a duplicate of a socket's descriptor, or a negative errno} */
    public static int duplicateOf(Socket socket) {
        return duplicate(socket, () -> answers(() -> socket.getOption(StandardSocketOptions.SO_RCVBUF)) && !socket.isClosed());
    }

    /** {@return a duplicate of a socket's descriptor, or a negative errno} */
    public static int duplicateOf(ServerSocket socket) {
        return duplicate(socket, () -> answers(() -> socket.getOption(StandardSocketOptions.SO_RCVBUF)) && !socket.isClosed());
    }

    /** {@return a duplicate of a socket's descriptor, or a negative errno} */
    public static int duplicateOf(DatagramSocket socket) {
        return duplicate(socket, () -> !socket.isClosed());
    }

    /** {@return a duplicate of the descriptor, or a negative errno} Closing it removes the number first. */
    public static int duplicateOf(FileDescriptor descriptor) {
        return duplicate(descriptor, () -> true);
    }

    /** {@return a duplicate of the descriptor a stream reads from, or a negative errno} */
    public static int duplicateOf(InputStream stream) {
        return duplicate(stream, () -> true);
    }

    /** {@return a duplicate of the descriptor a stream writes to, or a negative errno} */
    public static int duplicateOf(OutputStream stream) {
        return duplicate(stream, () -> true);
    }

    /** Asks what is below a socket, too, which may have been closed alone. */
    private static boolean answers(Callable<?> option) {
        try {
            option.call();
            return true;
        } catch (UnsupportedOperationException e) { // a socket that somebody else has made
            return true;
        } catch (Exception e) {
            return false;
        }
    }

    private static int duplicate(Object of, BooleanSupplier isOpen) {
        int number = numberOf(of);
        if (number < 0) {
            return number;
        }
        int copy = tetrapylon_h.tpy_fd_duplicate(number);
        if (copy < 0 || isOpen.getAsBoolean() && numberOf(of) == number) {
            return copy;
        }
        tetrapylon_h.tpy_fd_close(copy);
        return -Errno.EBADF;
    }

    /** {@return the number in the object at this moment; -EBADF it has none, -ENOTSUP this JDK keeps it somewhere else} */
    private static native int numberOf(Object of);
}
