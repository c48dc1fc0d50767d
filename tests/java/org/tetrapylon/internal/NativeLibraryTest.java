package org.tetrapylon.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** The library is found, is loaded and answers; an unknown machine is told what to do. */
class NativeLibraryTest {

    /** Longer than any version: a C string must be given a size before it is read. */
    private static final int VERSION_LIMIT = 64;

    static String version() throws Throwable {
        NativeLibrary.load();
        MemorySegment text = (MemorySegment) Linker.nativeLinker().downcallHandle(
                NativeLibrary.symbols().findOrThrow("tpy_version"), FunctionDescriptor.of(ValueLayout.ADDRESS))
                .invokeExact();
        return text.reinterpret(VERSION_LIMIT).getString(0);
    }

    @Test
    void theLibraryAnswers() throws Throwable {
        assertTrue(version().matches("\\d+\\.\\d+\\.\\d+(-SNAPSHOT)?"), version());
    }

    @Test
    void platformsAreNamedAsTheJarNamesThem() {
        assertEquals("linux-x86_64", NativeLibrary.platform("Linux", "amd64"));
        assertEquals("linux-aarch64", NativeLibrary.platform("Linux", "aarch64"));
    }

    @Test
    void anUnknownMachineIsToldWhatToUse() {
        UnsatisfiedLinkError error =
                assertThrows(UnsatisfiedLinkError.class, () -> NativeLibrary.platform("Linux", "riscv64"));
        assertEquals("Tetrapylon does not support Linux on riscv64; use a Linux machine with x86_64 or aarch64.",
                error.getMessage());
        assertThrows(UnsatisfiedLinkError.class, () -> NativeLibrary.platform("Mac OS X", "aarch64"));
    }
}
