package org.tetrapylon.bench;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramIterationValue;

/**
 * The calling side's loops: batches of calls, then calls one by one, as role.c has them. Owns the histograms. Used by one
 * thread; nothing in the loops allocates, so that what they are seen to allocate is the contender's.
 */
final class ClientRun {

    /** A batch is as many calls as take about this long. */
    private static final long BATCH_NANOS = 100_000;
    private static final int SLOT_BATCH_MOST = 1000;
    private static final long HIGHEST = 1_000_000_000_000L;

    private final Contender.Client client;
    private final MemorySegment request;
    private final MemorySegment reply;
    private final SplittableRandom random;
    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /** Tenths of a nanosecond per call, and nanoseconds. */
    private final Histogram batches = new Histogram(1, HIGHEST, 3);

    private final Histogram singles = new Histogram(1, HIGHEST, 3);

    private int size;
    private int batch = 1;
    private int shortBatch = 1;
    private int most;
    private long word;
    private long wrong;
    private long checked;
    private long longestBatch;
    private long longest;

    ClientRun(Contender.Client client, MemorySegment request, MemorySegment reply, int index) {
        this.client = client;
        this.request = request;
        this.reply = reply;
        this.random = new SplittableRandom(index);
    }

    /** One slice; times are those of {@link System#nanoTime}, no batch has more than most calls. Returns the line that reports it. */
    String slice(int size, long start, long batchEnd, long singleEnd, long pace, int most) throws Exception {
        this.most = most;
        batch = Math.min(batch, most);
        setSize(size);
        wrong = checked = longest = longestBatch = 0;
        batches.reset();
        singles.reset();
        checkWhole();
        if (!threads.isThreadAllocatedMemoryEnabled()) {
            throw new IllegalStateException("this JVM does not count what its threads allocate");
        }
        sleepUntil(start);
        long cpu = ProcessClock.cpuNanos();
        long allocated = threads.getCurrentThreadAllocatedBytes();
        long calls = runBatches(batchEnd);
        long span = System.nanoTime() - start;
        runSingles(singleEnd, pace);
        allocated = threads.getCurrentThreadAllocatedBytes() - allocated;
        cpu = ProcessClock.cpuNanos() - cpu;
        checkWhole();
        if (singles.getTotalCount() == 0) { // nothing better to tell
            longest = longestBatch;
        }
        StringBuilder line = new StringBuilder(16384);
        line.append("done calls=").append(calls).append(" span=").append(span).append(" cpu=").append(cpu)
                .append(" longest=").append(longest).append(" checked=").append(checked).append(" wrong=").append(wrong)
                .append(" allocated=").append(allocated);
        print(line, " batches=", batches);
        print(line, " singles=", singles);
        return line.toString();
    }

    private void setSize(int size) {
        if (size != this.size) {
            this.size = size;
            batch = 1;
            shortBatch = 1;
            word = (word & -Message.STEP) | size;
        }
    }

    /**
     * Turns, as role.c has them: in slot n, which begins at {@code start + n * period}. Returns the line that tells the time per call
     * of each, in tenths of nanoseconds, which is made after the last, since between them it is others' turn.
     */
    String slots(int size, long start, long period, long warm, long batch, int[] slots) throws Exception {
        most = SLOT_BATCH_MOST;
        setSize(size);
        wrong = checked = 0;
        batches.reset();
        Turn[] turns = new Turn[slots.length];
        for (int i = 0; i < slots.length; i++) {
            turns[i] = new Turn();
        }
        checkWhole();
        long cpu = ProcessClock.cpuNanos();
        for (int i = 0; i < slots.length; i++) {
            runTurn(turns[i], start + slots[i] * period, period, warm, batch);
        }
        cpu = ProcessClock.cpuNanos() - cpu;
        checkWhole();
        return "done wrong=" + wrong + " cpu=" + cpu + " times="
                + Arrays.stream(turns).map(turn -> Long.toString(turn.time())).collect(Collectors.joining(","));
    }

    /** What a turn has shown, in tenths of nanoseconds per call: its mean, or its batches. */
    private static final class Turn {
        private final long[] batches = new long[256];
        private long mean;
        private int count;

        /** 0 when there was no time for any call. */
        long time() {
            Arrays.sort(batches, 0, count);
            return count == 0 ? mean : batches[count / 2];
        }
    }

    /** Who has slept must wake first, and wake the server: that is what the first calls are for. The last twentieth is left to overrun. */
    private void runTurn(Turn turn, long start, long period, long warm, long batch) throws Exception {
        long end = start + period - period / 20;
        sleepUntil(start);
        if (batch > 0) {
            runShortBatches(turn, System.nanoTime() + warm, batch);
            runShortBatches(turn, end, batch);
            return;
        }
        runBatches(System.nanoTime() + warm);
        long before = System.nanoTime();
        long calls = runBatches(end);
        turn.mean = calls == 0 ? 0 : (System.nanoTime() - before) * 10 / calls;
    }

    private void runShortBatches(Turn turn, long end, long time) throws Exception {
        long before = System.nanoTime();
        turn.count = 0;
        while (before < end) {
            int n = shortBatch;
            callMany(n);
            long after = System.nanoTime();
            long took = after - before;
            if (turn.count < turn.batches.length) {
                turn.batches[turn.count++] = took * 10 / n;
            }
            if (took < time / 2 && n < SLOT_BATCH_MOST) {
                shortBatch = 2 * n;
            } else if (took > 2 * time && n > 1) {
                shortBatch = n / 2;
            }
            before = after;
        }
    }

    /** One call. Its first and its last word are checked always. */
    private void call() throws Exception {
        int size = this.size;
        long word = this.word;
        this.word = word + 2 * Message.STEP;
        request.set(JAVA_LONG, 0, word);
        if (size >= 16) {
            request.set(JAVA_LONG, size - 8, ~word);
        }
        client.call(size);
        if (Message.word(reply) != word + Message.STEP || (size >= 16 && reply.get(JAVA_LONG, size - 8) != ~word)) {
            wrong++;
        }
    }

    /** One call with fresh random bytes, all of which must come back. */
    private void checkWhole() throws Exception {
        for (int i = 8; i + 8 <= size; i += 8) {
            request.set(JAVA_LONG, i, random.nextLong());
        }
        reply.asSlice(0, size).fill((byte) 0);
        call();
        if (request.asSlice(8, size - 8).mismatch(reply.asSlice(8, size - 8)) >= 0) {
            wrong++;
        }
        checked += size;
    }

    private long runBatches(long end) throws Exception {
        long calls = 0;
        long before = System.nanoTime();
        while (before < end) {
            int n = batch;
            callMany(n);
            long after = System.nanoTime();
            long took = after - before;
            batches.recordValue(Math.min(took * 10 / n, HIGHEST));
            calls += n;
            longestBatch = Math.max(longestBatch, took);
            if (took < BATCH_NANOS / 2 && n < most) {
                batch = Math.min(2 * n, most);
            } else if (took > 2 * BATCH_NANOS && n > 1) {
                batch = n / 2;
            }
            before = after;
        }
        return calls;
    }

    private void callMany(int n) throws Exception {
        for (int i = 0; i < n; i++) {
            call();
        }
    }

    private void runSingles(long end, long pace) throws Exception {
        long before = System.nanoTime();
        long due = before;
        while (before < end) {
            if (pace > 0) {
                due += pace + random.nextLong(pace);
                if (due >= end) {
                    break;
                }
                sleepUntil(due);
                before = System.nanoTime();
            }
            before = single(before);
        }
    }

    private long single(long before) throws Exception {
        call();
        long after = System.nanoTime();
        long took = after - before;
        singles.recordValue(Math.min(took, HIGHEST));
        longest = Math.max(longest, took);
        return after;
    }

    private static void sleepUntil(long when) {
        for (long left = when - System.nanoTime(); left > 0; left = when - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    private static void print(StringBuilder line, String name, Histogram histogram) {
        line.append(name);
        char separator = 0;
        for (HistogramIterationValue value : histogram.recordedValues()) {
            if (separator != 0) {
                line.append(separator);
            }
            long middle = histogram.medianEquivalentValue(value.getValueIteratedTo());
            line.append(middle).append(':').append(value.getCountAtValueIteratedTo());
            separator = ',';
        }
    }
}
