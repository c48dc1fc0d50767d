package org.tetrapylon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SequenceLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.tetrapylon.internal.NativeLibrary;
import org.tetrapylon.support.Finished;

/**
 * The generated bindings say what the C compiler says of today's headers: sizes, offsets, constants and prototypes. A
 * header that was changed without {@code scripts/gen-bindings} fails here. For each package a C program is written, from
 * the generated classes alone, that prints what the compiler makes of them.
 */
class BindingsLayoutTest {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    @TempDir
    Path directory;

    @TestFactory
    Stream<DynamicNode> headersAndBindingsAgree() throws IOException {
        return GeneratedBindings.all().stream().map(bindings -> dynamicContainer(bindings.name(), List.of(
                dynamicTest("values", () -> compare(bindings)),
                dynamicTest("prototypes", () -> redeclare(bindings)),
                dynamicTest("symbols", () -> findFunctions(bindings)))));
    }

    /** What Java takes a thing for, under the C expression that yields it. */
    private record Expected(String format, String expression, String value) {}

    private void compare(GeneratedBindings bindings) throws Exception {
        Map<String, Expected> expected = new LinkedHashMap<>();
        for (GeneratedBindings.Type type : bindings.types()) {
            expect(expected, "sizeof(" + type.name() + ")", type.layout().byteSize());
            for (GeneratedBindings.Member member : type.members()) {
                String field = "((" + type.name() + " *)0)->" + member.name();
                expect(expected, "__builtin_offsetof(" + type.name() + ", " + member.name() + ")", member.offset());
                boolean isFlexibleArray = member.layout() instanceof SequenceLayout array && array.elementCount() == 0;
                if (!isFlexibleArray) {
                    expect(expected, "sizeof(" + field + ")", member.layout().byteSize());
                }
            }
        }
        for (GeneratedBindings.Constant constant : bindings.constants()) {
            expected.put(constant.name(), expectedConstant(constant));
        }
        if (expected.isEmpty()) {
            return;
        }
        Map<String, String> actual = run(bindings, expected);
        Map<String, String> wanted = new LinkedHashMap<>();
        expected.forEach((what, it) -> wanted.put(what, it.value));
        List<String> differences = wanted.entrySet().stream()
                .filter(entry -> !entry.getValue().equals(actual.get(entry.getKey())))
                .map(entry -> entry.getKey() + " is " + actual.get(entry.getKey()) + " in C and " + entry.getValue()
                        + " in Java")
                .toList();
        assertEquals(List.of(), differences, "run scripts/gen-bindings");
    }

    private static void expect(Map<String, Expected> expected, String expression, long value) {
        expected.put(expression, new Expected("%zu", expression, Long.toString(value)));
    }

    /** Java's type of a constant has the size of C's; C's unsigned ones keep their bits. */
    private static Expected expectedConstant(GeneratedBindings.Constant constant) throws ReflectiveOperationException {
        String name = constant.name();
        String integer = "INTEGER(" + name + ")";
        return switch (constant.value()) {
            case Boolean it -> new Expected("%s", integer, "1:" + (it ? "1" : "0"));
            case Byte it -> new Expected("%s", integer, "1:" + Long.toHexString(it & 0xffL));
            case Short it -> new Expected("%s", integer, "2:" + Long.toHexString(it & 0xffffL));
            case Character it -> new Expected("%s", integer, "2:" + Long.toHexString(it));
            case Integer it -> new Expected("%s", integer, "4:" + Long.toHexString(it & 0xffffffffL));
            case Long it -> new Expected("%s", integer, "8:" + Long.toHexString(it));
            case Float it -> new Expected("%.17g", "(double)(" + name + ")", "%.17g".formatted((double) it));
            case Double it -> new Expected("%.17g", "(double)(" + name + ")", "%.17g".formatted(it));
            case MemorySegment it when it.byteSize() > 0 -> new Expected("%s", name, it.getString(0));
            case MemorySegment it ->
                    new Expected("%llx", "(unsigned long long)(" + name + ")", Long.toHexString(it.address()));
            default -> throw new AssertionError(name + " is a " + constant.value().getClass());
        };
    }

    private Map<String, String> run(GeneratedBindings bindings, Map<String, Expected> expected) throws Exception {
        StringBuilder program = new StringBuilder(includes(bindings));
        program.append("#include <stddef.h>\n#include <stdio.h>\n")
                .append("static char text[64];\n")
                .append("static char *integer(size_t size, unsigned long long bits)\n{\n")
                .append("    if (size < 8)\n        bits &= (1ull << (8 * size)) - 1;\n")
                .append("    snprintf(text, sizeof text, \"%zu:%llx\", size, bits);\n    return text;\n}\n")
                .append("#define INTEGER(it) integer(sizeof(it), (unsigned long long)(it))\n")
                .append("int main(void)\n{\n");
        expected.forEach((what, it) -> program.append("    printf(\"%s\\t").append(it.format).append("\\n\", \"")
                .append(what).append("\", ").append(it.expression).append(");\n"));
        program.append("    return 0;\n}\n");
        Path executable = directory.resolve(bindings.name());
        compile(bindings, program.toString(), "-o", executable.toString());
        Finished finished = Finished.of(LIMIT, List.of(executable.toString()));
        assertEquals(0, finished.exitCode(), finished.output());
        Map<String, String> actual = new LinkedHashMap<>();
        finished.output().lines().map(line -> line.split("\t", 2)).forEach(line -> actual.put(line[0], line[1]));
        return actual;
    }

    /** C refuses to declare a function again with another type. */
    private void redeclare(GeneratedBindings bindings) throws Exception {
        StringBuilder program = new StringBuilder(includes(bindings));
        bindings.prototypes().forEach(prototype -> program.append(prototype).append(";\n"));
        compile(bindings, program.toString(), "-fsyntax-only");
    }

    private static void findFunctions(GeneratedBindings bindings) {
        NativeLibrary.load();
        List<String> missing = new ArrayList<>();
        assertFalse(bindings.functionAddresses().isEmpty());
        // Not by its handle: jextract has none for a function that takes a union of bit-fields, which C has all the same.
        SymbolLookup symbols = NativeLibrary.symbols().or(Linker.nativeLinker().defaultLookup());
        for (Method address : bindings.functionAddresses()) {
            String name = address.getName().replace("$address", "");
            if (symbols.find(name).isEmpty()) {
                missing.add(name);
            }
        }
        assertEquals(List.of(), missing, "declared in a header, and not exported by the library");
    }

    private static String includes(GeneratedBindings bindings) {
        assertFalse(bindings.headers().isEmpty(), bindings.name() + " has no headers in scripts/gen-bindings");
        StringBuilder includes = new StringBuilder();
        bindings.headers().forEach(header -> includes.append("#include <").append(header).append(">\n"));
        return includes.toString();
    }

    private void compile(GeneratedBindings bindings, String program, String... options) throws Exception {
        Path source = Files.writeString(directory.resolve(bindings.name() + ".c"), program);
        List<String> command = new ArrayList<>(List.of(System.getProperty("tetrapylon.compiler"), "-std=gnu11",
                "-D_GNU_SOURCE=", "-I" + System.getProperty("tetrapylon.include"), source.toString()));
        command.addAll(List.of(options));
        Finished compiler = Finished.of(LIMIT, command);
        assertEquals(0, compiler.exitCode(), "run scripts/gen-bindings:\n" + compiler.output());
    }
}
