/*
 * java: the number behind an object of the JDK that holds a file descriptor. The JDK keeps the number in a private field and
 * tells nobody; JNI may read it, in whatever module it lies, and it is never another one's. The path from the object to the field
 * is a table; where a JDK has other classes, the answer is "not supported", never a guess. Called by
 * org.tetrapylon.internal.OwnDescriptors only, which sees to it that the number is still the object's when it is used.
 *
 * The library must build and load without a JDK, so of JNI's function table (chapter 4 of its specification, where the places
 * are numbered) the few that are needed stand here.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "tetrapylon_fd.h"

#define EXPORTED __attribute__((visibility("default")))

typedef void *object;
typedef void *member;
typedef void *const *const *environment;

enum {
    FIND_CLASS = 6,
    EXCEPTION_CLEAR = 17,
    PUSH_LOCAL_FRAME = 19,
    POP_LOCAL_FRAME = 20,
    IS_INSTANCE_OF = 32,
    GET_METHOD_ID = 33,
    CALL_OBJECT_METHOD = 34,
    GET_FIELD_ID = 94,
    GET_OBJECT_FIELD = 95,
    GET_INT_FIELD = 100,
    EXCEPTION_CHECK = 228,
};

#define CALL(env, place, type, ...) ((type)(*(env))[place])((env), ##__VA_ARGS__)

typedef object (*find_class)(environment, const char *);
typedef void (*exception_clear)(environment);
typedef int (*push_local_frame)(environment, int);
typedef object (*pop_local_frame)(environment, object);
typedef unsigned char (*is_instance_of)(environment, object, object);
typedef member (*get_member_id)(environment, object, const char *, const char *);
typedef object (*call_object_method)(environment, object, member, ...);
typedef object (*get_object_field)(environment, object, member);
typedef int (*get_int_field)(environment, object, member);
typedef unsigned char (*exception_check)(environment);

/* From an object of a type one step on, by a field or, where the signature begins with '(', by a method. Narrower types first. */
static const struct step {
    const char *type, *name, *signature;
} steps[] = {
    {"java/io/FileDescriptor", "fd", "I"},
    {"sun/nio/ch/SelChImpl", "getFD", "()Ljava/io/FileDescriptor;"}, /* all selectable channels */
    {"sun/nio/ch/FileChannelImpl", "fd", "Ljava/io/FileDescriptor;"},
    {"sun/nio/ch/AsynchronousFileChannelImpl", "fdObj", "Ljava/io/FileDescriptor;"},
    {"sun/nio/ch/AsynchronousSocketChannelImpl", "fd", "Ljava/io/FileDescriptor;"},
    {"sun/nio/ch/AsynchronousServerSocketChannelImpl", "fd", "Ljava/io/FileDescriptor;"},
    {"sun/nio/ch/SocketAdaptor", "sc", "Lsun/nio/ch/SocketChannelImpl;"},
    {"sun/nio/ch/ServerSocketAdaptor", "ssc", "Lsun/nio/ch/ServerSocketChannelImpl;"},
    {"sun/nio/ch/DatagramSocketAdaptor", "dc", "Lsun/nio/ch/DatagramChannelImpl;"},
    {"java/net/Socket", "impl", "Ljava/net/SocketImpl;"},
    {"java/net/ServerSocket", "impl", "Ljava/net/SocketImpl;"},
    {"java/net/DatagramSocket", "delegate", "Ljava/net/DatagramSocket;"},
    {"java/net/SocketImpl", "getFileDescriptor", "()Ljava/io/FileDescriptor;"},
    {"java/io/FileInputStream", "getFD", "()Ljava/io/FileDescriptor;"},
    {"java/io/FileOutputStream", "getFD", "()Ljava/io/FileDescriptor;"},
    /* Those of a Process, System.in and System.out: what they hand on is what the file brings. */
    {"java/io/BufferedInputStream", "in", "Ljava/io/InputStream;"},
    {"java/io/BufferedOutputStream", "out", "Ljava/io/OutputStream;"},
    {"java/io/PrintStream", "out", "Ljava/io/OutputStream;"},
};
#define STEPS (sizeof steps / sizeof *steps)
#define LONGEST_PATH 8

/* Whether the JDK was not as expected, or its code threw: nothing may be left pending. */
static bool has_thrown(environment env)
{
    if (!CALL(env, EXCEPTION_CHECK, exception_check))
        return false;
    CALL(env, EXCEPTION_CLEAR, exception_clear);
    return true;
}

static const struct step *step_from(environment env, object from, object *type)
{
    for (size_t i = 0; i < STEPS; i++) {
        *type = CALL(env, FIND_CLASS, find_class, steps[i].type);
        if (!has_thrown(env) && *type != NULL && CALL(env, IS_INSTANCE_OF, is_instance_of, from, *type))
            return &steps[i];
    }
    return NULL;
}

/* The next object of the path, NULL where there is none; or at its end the number, and true. */
static bool take_step(environment env, const struct step *step, object type, object *at, int *number)
{
    bool method = step->signature[0] == '(';
    member id = CALL(env, method ? GET_METHOD_ID : GET_FIELD_ID, get_member_id, type, step->name, step->signature);

    if (has_thrown(env) || id == NULL) {
        *number = -ENOTSUP;
        return true;
    }
    if (step->signature[0] == 'I') {
        *number = CALL(env, GET_INT_FIELD, get_int_field, *at, id);
        if (*number < 0)
            *number = -EBADF;
        return true;
    }
    *at = method ? CALL(env, CALL_OBJECT_METHOD, call_object_method, *at, id)
                 : CALL(env, GET_OBJECT_FIELD, get_object_field, *at, id);
    *number = -EBADF;
    return has_thrown(env) || *at == NULL;
}

static int number_of(environment env, object from)
{
    for (int i = 0; i < LONGEST_PATH; i++) {
        int number;
        object type;
        const struct step *step = step_from(env, from, &type);
        if (step == NULL)
            return -ENOTSUP;
        if (take_step(env, step, type, &from, &number))
            return number;
    }
    return -ENOTSUP;
}

/* static native int numberOf(Object of): -EBADF it is closed or has none yet, -ENOTSUP the JDK does not keep it where it is looked for. */
EXPORTED int Java_org_tetrapylon_internal_OwnDescriptors_numberOf(environment env, object self, object of)
{
    (void)self;
    if (CALL(env, PUSH_LOCAL_FRAME, push_local_frame, LONGEST_PATH * ((int)STEPS + 1)) != 0) {
        CALL(env, EXCEPTION_CLEAR, exception_clear);
        return -ENOMEM;
    }
    int number = of == NULL ? -EBADF : number_of(env, of);
    CALL(env, POP_LOCAL_FRAME, pop_local_frame, NULL);
    return number;
}
