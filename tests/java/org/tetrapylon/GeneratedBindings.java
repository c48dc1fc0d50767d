package org.tetrapylon;

import java.io.IOException;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * One package that jextract has made, looked at by reflection: what it says of the headers. Knows jextract's way of
 * naming things ({@code layout()}, {@code FIELD$offset()}, {@code FUNCTION$handle()}) and nothing of the headers.
 *
 * @param name the last part of the package's name
 * @param headers the headers it was made from, relative to include/
 * @param classes its compiled classes, without the interfaces of callbacks
 */
record GeneratedBindings(String name, List<String> headers, List<Class<?>> classes) {

    private static final String BASE = "org.tetrapylon.generated";
    private static final Path CLASSES = Path.of(System.getProperty("tetrapylon.classes"));
    private static final Path INCLUDE = Path.of(System.getProperty("tetrapylon.include"));
    /** A line of the table in scripts/gen-bindings: package | class | headers | ... */
    private static final Pattern TABLE_LINE = Pattern.compile("(?m)^(\\w+) *\\| *\\w+ *\\| *([^|\\n]+?) *\\|");
    /** What jextract puts above each function: its C prototype. */
    private static final Pattern PROTOTYPE =
            Pattern.compile("Function descriptor for:\\s*\\* \\{@snippet lang=c :\\s*\\* (.+?)\\s*\\n\\s*\\* \\}");

    /** A constant: its name in C, and the method that yields what Java takes it for. */
    record Constant(String name, Method method) {
        Object value() throws ReflectiveOperationException {
            return method.invoke(null);
        }
    }

    /** A struct, union or scalar type: how C spells it, what Java takes it for, and its fields if it has any. */
    record Type(String name, MemoryLayout layout, List<Member> members) {}

    /** A field of a struct or union. */
    record Member(String name, long offset, MemoryLayout layout) {}

    /** {@return all generated packages; each must have a line in the table of scripts/gen-bindings} */
    static List<GeneratedBindings> all() throws IOException {
        String table = Files.readString(Path.of("scripts", "gen-bindings"));
        List<GeneratedBindings> all = new ArrayList<>();
        try (Stream<Path> packages = Files.list(CLASSES.resolve(BASE.replace('.', '/')))) {
            for (Path directory : packages.sorted().toList()) {
                String name = directory.getFileName().toString();
                List<String> headers = TABLE_LINE.matcher(table).results()
                        .filter(line -> line.group(1).equals(name))
                        .flatMap(line -> Arrays.stream(line.group(2).split(" +")))
                        .flatMap(GeneratedBindings::headersOf)
                        .toList();
                all.add(new GeneratedBindings(name, headers, classesIn(directory, BASE + "." + name)));
            }
        }
        return all;
    }

    /** An entry of the table that ends with a slash stands for every header below it. */
    private static Stream<String> headersOf(String entry) {
        if (!entry.endsWith("/")) {
            return Files.exists(INCLUDE.resolve(entry)) ? Stream.of(entry) : Stream.empty();
        }
        try (Stream<Path> files = Files.walk(INCLUDE.resolve(entry))) {
            return files.filter(file -> file.toString().endsWith(".h")).map(INCLUDE::relativize).map(Path::toString)
                    .sorted().toList().stream();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static List<Class<?>> classesIn(Path directory, String packageName) throws IOException {
        List<Class<?>> classes = new ArrayList<>();
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.sorted().toList()) {
                String simple = file.getFileName().toString().replaceFirst("\\.class$", "");
                try {
                    classes.add(Class.forName(packageName + "." + simple, false, GeneratedBindings.class.getClassLoader()));
                } catch (ClassNotFoundException e) {
                    throw new AssertionError("a compiled class cannot be loaded", e);
                }
            }
        }
        return classes;
    }

    /** {@return the struct and union types, and the scalar types that have a name} */
    List<Type> types() throws ReflectiveOperationException {
        List<Type> types = new ArrayList<>();
        for (Class<?> type : classes) {
            Optional<Method> layout = method(type, "layout");
            if (layout.isPresent()) {
                types.add(new Type(nameInC(type), (MemoryLayout) layout.get().invoke(null), members(type)));
            }
        }
        for (Class<?> holder : holders()) {
            for (Field field : holder.getDeclaredFields()) {
                if (Modifier.isPublic(field.getModifiers()) && MemoryLayout.class.isAssignableFrom(field.getType())) {
                    types.add(new Type(field.getName(), (MemoryLayout) field.get(null), List.of()));
                }
            }
        }
        return types;
    }

    private static List<Member> members(Class<?> type) throws ReflectiveOperationException {
        List<Member> members = new ArrayList<>();
        for (Method method : type.getMethods()) {
            if (method.getName().endsWith("$offset")) {
                String name = method.getName().substring(0, method.getName().length() - "$offset".length());
                MemoryLayout layout = (MemoryLayout) method(type, name + "$layout").orElseThrow().invoke(null);
                members.add(new Member(name, (long) method.invoke(null), layout));
            }
        }
        members.sort(Comparator.comparing(Member::name));
        return members;
    }

    /**
     * jextract names a layout after the tag. A type without a tag is called after its typedef, or, inside another type,
     * after its field; a typedef of a tagged type is a class without a layout of its own.
     */
    private static String nameInC(Class<?> type) throws ReflectiveOperationException {
        Method layout = type.getMethod("layout");
        if (!layout.getDeclaringClass().equals(type)) {
            return type.getSimpleName();
        }
        GroupLayout group = (GroupLayout) layout.invoke(null);
        String tag = group.name().orElse("$anon");
        if (!tag.startsWith("$anon")) {
            return (group instanceof java.lang.foreign.UnionLayout ? "union " : "struct ") + tag;
        }
        Class<?> outer = type.getEnclosingClass();
        if (outer == null) {
            return type.getSimpleName();
        }
        MemoryLayout field = (MemoryLayout) outer.getMethod(type.getSimpleName() + "$layout").invoke(null);
        String element = "";
        while (field instanceof java.lang.foreign.SequenceLayout sequence) {
            element += "[0]";
            field = sequence.elementLayout();
        }
        return "__typeof__(((" + nameInC(outer) + " *)0)->" + type.getSimpleName() + element + ")";
    }

    /** {@return the integer, floating-point, pointer and string constants: macros and enumerators} */
    List<Constant> constants() {
        List<Constant> constants = new ArrayList<>();
        for (Class<?> holder : holders()) {
            for (Method method : holder.getDeclaredMethods()) {
                if (isPublicWithoutParameters(method) && !method.getName().contains("$")
                        && method(holder, method.getName() + "$handle").isEmpty()
                        && method(holder, method.getName() + "$layout").isEmpty()) {
                    constants.add(new Constant(method.getName(), method));
                }
            }
        }
        constants.sort(Comparator.comparing(Constant::name));
        return constants;
    }

    /** {@return the methods that yield the addresses of the functions} */
    List<Method> functionAddresses() {
        return holders().stream().flatMap(holder -> Arrays.stream(holder.getDeclaredMethods()))
                .filter(method -> isPublicWithoutParameters(method) && method.getName().endsWith("$address"))
                .sorted(Comparator.comparing(Method::getName))
                .toList();
    }

    /** {@return the C prototypes the functions had, except those with a pointer to a function, which C spells inside out} */
    List<String> prototypes() throws IOException {
        List<String> prototypes = new ArrayList<>();
        for (Class<?> holder : holders()) {
            Path source = Path.of("java", "generated").resolve(holder.getName().replace('.', '/') + ".java");
            PROTOTYPE.matcher(Files.readString(source)).results().map(match -> match.group(1))
                    .filter(prototype -> !prototype.contains("(*"))
                    .map(prototype -> prototype.replaceFirst("\\(\\)$", "(void)"))
                    .forEach(prototypes::add);
        }
        return prototypes;
    }

    /** The classes that hold functions and constants: the one the table names and those it was split into. */
    private List<Class<?>> holders() {
        return classes.stream()
                .filter(type -> type.getEnclosingClass() == null && !type.getName().endsWith("$shared"))
                .filter(type -> isSharedBelow(type.getSuperclass()))
                .toList();
    }

    private static boolean isSharedBelow(Class<?> type) {
        return type != null && (type.getName().endsWith("$shared") || isSharedBelow(type.getSuperclass()));
    }

    private static Optional<Method> method(Class<?> type, String name) {
        return Arrays.stream(type.getMethods())
                .filter(method -> method.getName().equals(name) && isPublicWithoutParameters(method))
                .findFirst();
    }

    private static boolean isPublicWithoutParameters(Method method) {
        return Modifier.isStatic(method.getModifiers()) && Modifier.isPublic(method.getModifiers())
                && method.getParameterCount() == 0;
    }
}
