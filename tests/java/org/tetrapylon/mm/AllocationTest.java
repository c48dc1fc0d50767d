package org.tetrapylon.mm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.tetrapylon.support.Finished;

/** Messages cost nothing on the Java heap: counted by the JVM itself, in a process that does nothing else. */
@Timeout(110)
class AllocationTest {

    @Test
    void messagesAllocateNothing() throws Exception {
        Finished counted = Finished.of(Duration.ofSeconds(100),
                Processes.java(List.of("--add-modules", "jdk.management"), AllocationCount.class));
        assertEquals(0, counted.exitCode(), counted.output());
        List<String> all = counted.output().lines().toList();
        assertEquals(AllocationCount.CASES, all.size(), counted.output());
        assertEquals(List.of(), all.stream().filter(line -> !line.startsWith("0 bytes")).toList());
    }
}
