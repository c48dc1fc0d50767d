package org.tetrapylon.mm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.mm.Mmsysio.MM_ERROR_IGNORE;
import static org.tetrapylon.mm.Mmsysio.MM_ERROR_SET;
import static org.tetrapylon.mm.Mmsysio.MM_ERROR_UNSET;
import static org.tetrapylon.mm.Mmsysio.MSG_CTRUNC;
import static org.tetrapylon.mm.Mmsysio.MSG_TRUNC;
import static org.tetrapylon.mm.Mmsysio.NULL;
import static org.tetrapylon.mm.Mmsysio.mm_close;
import static org.tetrapylon.mm.Mmsysio.mm_error_set_flags;
import static org.tetrapylon.mm.Mmsysio.mm_get_lasterror_desc;
import static org.tetrapylon.mm.Mmsysio.mm_get_lasterror_number;
import static org.tetrapylon.mm.Mmsysio.mm_ipc_connect;
import static org.tetrapylon.mm.Mmsysio.mm_ipc_connected_pair;
import static org.tetrapylon.mm.Mmsysio.mm_ipc_recvmsg;
import static org.tetrapylon.mm.Mmsysio.mm_ipc_sendmsg;
import static org.tetrapylon.mm.Mmsysio.mm_ipc_srv_accept;
import static org.tetrapylon.mm.Mmsysio.mm_ipc_srv_create;
import static org.tetrapylon.mm.Mmsysio.mm_ipc_srv_destroy;
import static org.tetrapylon.mm.MmSupport.assertSame;
import static org.tetrapylon.mm.MmSupport.bytes;
import static org.tetrapylon.mm.MmSupport.name;
import static org.tetrapylon.mm.MmSupport.room;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.tetrapylon.Errno;
import org.tetrapylon.support.Blocked;
import org.tetrapylon.support.Observe;

/** The documented functions under their documented names. */
@Timeout(20)
class MmsysioTest {

    private final Arena arena = Arena.ofAuto();

    private static void assertFailed(int errno, long result) {
        assertEquals(-1, result);
        assertEquals(Errno.name(errno), Errno.name(mm_get_lasterror_number()));
    }

    @Test
    void aServerAndAClientAsThePageDescribesThem() throws Throwable {
        Observe.leavesNoDescriptors(() -> {
            String name = name();
            MemorySegment srv = mm_ipc_srv_create(name);
            assertNotEquals(NULL, srv);
            assertEquals(NULL, mm_ipc_srv_create(name));
            assertEquals(Errno.EADDRINUSE, mm_get_lasterror_number());
            int client = mm_ipc_connect(name);
            int server = mm_ipc_srv_accept(srv);
            mm_ipc_srv_destroy(srv);
            assertEquals(300, mm_ipc_sendmsg(client, new MmIpcMsg(arena, 2, 1).iov(bytes(100), bytes(200)).fds(client)));
            MemorySegment room = room(400);
            MmIpcMsg message = new MmIpcMsg(arena, 1, 3).iov(room).num_fds_max(3);
            assertEquals(300, mm_ipc_recvmsg(server, message));
            assertSame(bytes(100), room.asSlice(0, 100));
            assertSame(bytes(200), room.asSlice(100, 200));
            assertEquals(1, message.num_fds());
            assertEquals(0, message.flags());
            assertEquals(0, mm_close(message.fd(0)));
            assertEquals(0, mm_close(client));
            assertFailed(Errno.ECONNRESET, mm_ipc_recvmsg(server, message));
            assertEquals(0, message.num_fds());
            assertFailed(Errno.EPIPE, mm_ipc_sendmsg(server, new MmIpcMsg(arena, 0, 0)));
            assertEquals(0, mm_close(server));
            assertEquals(0, mm_close(-1));
            mm_ipc_srv_destroy(NULL);
        });
    }

    @Test
    void flagsAndCountsTellWhatWasLost() {
        int[] pair = new int[2];
        assertEquals(0, mm_ipc_connected_pair(pair));
        mm_ipc_sendmsg(pair[0], new MmIpcMsg(arena, 1, 2).iov(bytes(10)).fds(pair[0], pair[1]));
        MmIpcMsg message = new MmIpcMsg(arena, 1, 1).iov(room(4)).num_fds_max(1);
        assertEquals(4, mm_ipc_recvmsg(pair[1], message));
        assertEquals(MSG_TRUNC | MSG_CTRUNC, message.flags());
        assertEquals(1, message.num_fds());
        mm_close(message.fd(0));
        mm_close(pair[0]);
        mm_close(pair[1]);
    }

    @Test
    void whatIsInvalidFails() {
        int[] pair = new int[2];
        mm_ipc_connected_pair(pair);
        assertFailed(Errno.EINVAL, mm_ipc_sendmsg(pair[0], new MmIpcMsg(arena, 0, 0).num_iov(-1)));
        assertFailed(Errno.EINVAL, mm_ipc_sendmsg(pair[0], new MmIpcMsg(arena, 0, 0).num_fds(-1)));
        assertFailed(Errno.EINVAL, mm_ipc_sendmsg(pair[0], new MmIpcMsg(arena, 0, 254).fds(new int[254])));
        assertFailed(Errno.EBADF, mm_ipc_sendmsg(pair[0], new MmIpcMsg(arena, 0, 1).fds(1_000_000)));
        assertFailed(Errno.EBADF, mm_ipc_sendmsg(1_000_000, new MmIpcMsg(arena, 0, 0)));
        assertFailed(Errno.EMSGSIZE, mm_ipc_sendmsg(pair[0], new MmIpcMsg(arena, 1025, 0).num_iov(1025)));
        assertFailed(Errno.EFAULT, mm_ipc_connect(null));
        assertFailed(Errno.ENAMETOOLONG, mm_ipc_connect("x".repeat(108)));
        assertFailed(Errno.EINVAL, mm_ipc_srv_accept(NULL));
        assertFailed(Errno.EBADF, mm_close(1_000_000));
        assertEquals(NULL, mm_ipc_srv_create(null));
        assertThrows(IndexOutOfBoundsException.class, () -> mm_ipc_sendmsg(pair[0], new MmIpcMsg(arena, 1, 0).num_iov(2)));
        assertThrows(IllegalArgumentException.class,
                () -> new MmIpcMsg(arena, 1, 0).iov(MemorySegment.ofArray(new byte[1])));
        mm_close(pair[0]);
        mm_close(pair[1]);
    }

    @Test
    void anInterruptIsEintr() throws Throwable {
        int[] pair = new int[2];
        mm_ipc_connected_pair(pair);
        MemorySegment srv = mm_ipc_srv_create(name());
        String nobody = name();
        MmIpcMsg message = new MmIpcMsg(arena, 1, 0).iov(room(1));
        java.util.concurrent.Callable<?>[] calls = {() -> failure(mm_ipc_recvmsg(pair[0], message)),
            () -> failure(mm_ipc_srv_accept(srv)), () -> failure(mm_ipc_connect(nobody))};
        for (var call : calls) {
            Blocked<?> blocked = Blocked.in(Blocked.Kind.PLATFORM, call);
            blocked.thread().interrupt();
            assertEquals(Errno.EINTR, blocked.join());
            assertTrue(blocked.cameBackInterrupted());
            Thread.currentThread().interrupt(); // before the call
            assertEquals(Errno.EINTR, call.call());
            assertTrue(Thread.interrupted());
        }
        mm_ipc_srv_destroy(srv);
        mm_close(pair[0]);
        mm_close(pair[1]);
    }

    private static int failure(long result) {
        assertEquals(-1, result);
        return mm_get_lasterror_number();
    }

    @Test
    void destroyWakesAccept() throws Throwable {
        MemorySegment srv = mm_ipc_srv_create(name());
        Blocked<Integer> accept = Blocked.in(Blocked.Kind.PLATFORM, () -> failure(mm_ipc_srv_accept(srv)));
        mm_ipc_srv_destroy(srv);
        assertEquals(Errno.EBADF, accept.join());
    }

    @Test
    void theErrorStateTellsCallAndReasonAndIsEachThreadsOwn() throws Throwable {
        assertFailed(Errno.ENAMETOOLONG, mm_ipc_connect("x".repeat(200)));
        String description = mm_get_lasterror_desc();
        assertTrue(description.contains("mm_ipc_connect") && description.contains("xxx"), description);
        assertEquals(0, Blocked.in(Blocked.Kind.PLATFORM, Mmsysio::mm_get_lasterror_number).join());
        assertEquals("", Blocked.in(Blocked.Kind.PLATFORM, Mmsysio::mm_get_lasterror_desc).join());
        int before = mm_error_set_flags(MM_ERROR_SET, MM_ERROR_IGNORE);
        assertEquals(-1, mm_close(1_000_000));
        assertEquals(Errno.ENAMETOOLONG, mm_get_lasterror_number());
        assertEquals(before | MM_ERROR_IGNORE, mm_error_set_flags(MM_ERROR_UNSET, MM_ERROR_IGNORE));
        assertFailed(Errno.EBADF, mm_close(1_000_000));
    }

    @Test
    void printingGoesToStandardOutput() {
        mm_close(1_000_000);
        PrintStream out = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setOut(new PrintStream(printed));
        try {
            Mmsysio.mm_print_lasterror("in line %d", 7);
        } finally {
            System.setOut(out);
        }
        assertTrue(printed.toString().startsWith("in line 7\nerror 9 in mm_close"), printed.toString());
    }
}
