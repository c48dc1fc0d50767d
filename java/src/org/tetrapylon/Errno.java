package org.tetrapylon;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * The error numbers of Linux, the same on every machine this library runs on, with their names and the C library's
 * sentences about them, and two numbers that only QNX has. The one place in Java that knows them.
 */
public final class Errno {

    /** Error 1. */
    public static final int EPERM = 1;
    /** Error 2. */
    public static final int ENOENT = 2;
    /** Error 3. */
    public static final int ESRCH = 3;
    /** Error 4. */
    public static final int EINTR = 4;
    /** Error 5. */
    public static final int EIO = 5;
    /** Error 6. */
    public static final int ENXIO = 6;
    /** Error 7. */
    public static final int E2BIG = 7;
    /** Error 8. */
    public static final int ENOEXEC = 8;
    /** Error 9. */
    public static final int EBADF = 9;
    /** Error 10. */
    public static final int ECHILD = 10;
    /** Error 11. */
    public static final int EAGAIN = 11;
    /** Error 12. */
    public static final int ENOMEM = 12;
    /** Error 13. */
    public static final int EACCES = 13;
    /** Error 14. */
    public static final int EFAULT = 14;
    /** Error 15. */
    public static final int ENOTBLK = 15;
    /** Error 16. */
    public static final int EBUSY = 16;
    /** Error 17. */
    public static final int EEXIST = 17;
    /** Error 18. */
    public static final int EXDEV = 18;
    /** Error 19. */
    public static final int ENODEV = 19;
    /** Error 20. */
    public static final int ENOTDIR = 20;
    /** Error 21. */
    public static final int EISDIR = 21;
    /** Error 22. */
    public static final int EINVAL = 22;
    /** Error 23. */
    public static final int ENFILE = 23;
    /** Error 24. */
    public static final int EMFILE = 24;
    /** Error 25. */
    public static final int ENOTTY = 25;
    /** Error 26. */
    public static final int ETXTBSY = 26;
    /** Error 27. */
    public static final int EFBIG = 27;
    /** Error 28. */
    public static final int ENOSPC = 28;
    /** Error 29. */
    public static final int ESPIPE = 29;
    /** Error 30. */
    public static final int EROFS = 30;
    /** Error 31. */
    public static final int EMLINK = 31;
    /** Error 32. */
    public static final int EPIPE = 32;
    /** Error 33. */
    public static final int EDOM = 33;
    /** Error 34. */
    public static final int ERANGE = 34;
    /** Error 35. */
    public static final int EDEADLK = 35;
    /** Error 36. */
    public static final int ENAMETOOLONG = 36;
    /** Error 37. */
    public static final int ENOLCK = 37;
    /** Error 38. */
    public static final int ENOSYS = 38;
    /** Error 39. */
    public static final int ENOTEMPTY = 39;
    /** Error 40. */
    public static final int ELOOP = 40;
    /** Error 42. */
    public static final int ENOMSG = 42;
    /** Error 43. */
    public static final int EIDRM = 43;
    /** Error 44. */
    public static final int ECHRNG = 44;
    /** Error 45. */
    public static final int EL2NSYNC = 45;
    /** Error 46. */
    public static final int EL3HLT = 46;
    /** Error 47. */
    public static final int EL3RST = 47;
    /** Error 48. */
    public static final int ELNRNG = 48;
    /** Error 49. */
    public static final int EUNATCH = 49;
    /** Error 50. */
    public static final int ENOCSI = 50;
    /** Error 51. */
    public static final int EL2HLT = 51;
    /** Error 52. */
    public static final int EBADE = 52;
    /** Error 53. */
    public static final int EBADR = 53;
    /** Error 54. */
    public static final int EXFULL = 54;
    /** Error 55. */
    public static final int ENOANO = 55;
    /** Error 56. */
    public static final int EBADRQC = 56;
    /** Error 57. */
    public static final int EBADSLT = 57;
    /** Error 59. */
    public static final int EBFONT = 59;
    /** Error 60. */
    public static final int ENOSTR = 60;
    /** Error 61. */
    public static final int ENODATA = 61;
    /** Error 62. */
    public static final int ETIME = 62;
    /** Error 63. */
    public static final int ENOSR = 63;
    /** Error 64. */
    public static final int ENONET = 64;
    /** Error 65. */
    public static final int ENOPKG = 65;
    /** Error 66. */
    public static final int EREMOTE = 66;
    /** Error 67. */
    public static final int ENOLINK = 67;
    /** Error 68. */
    public static final int EADV = 68;
    /** Error 69. */
    public static final int ESRMNT = 69;
    /** Error 70. */
    public static final int ECOMM = 70;
    /** Error 71. */
    public static final int EPROTO = 71;
    /** Error 72. */
    public static final int EMULTIHOP = 72;
    /** Error 73. */
    public static final int EDOTDOT = 73;
    /** Error 74. */
    public static final int EBADMSG = 74;
    /** Error 75. */
    public static final int EOVERFLOW = 75;
    /** Error 76. */
    public static final int ENOTUNIQ = 76;
    /** Error 77. */
    public static final int EBADFD = 77;
    /** Error 78. */
    public static final int EREMCHG = 78;
    /** Error 79. */
    public static final int ELIBACC = 79;
    /** Error 80. */
    public static final int ELIBBAD = 80;
    /** Error 81. */
    public static final int ELIBSCN = 81;
    /** Error 82. */
    public static final int ELIBMAX = 82;
    /** Error 83. */
    public static final int ELIBEXEC = 83;
    /** Error 84. */
    public static final int EILSEQ = 84;
    /** Error 85. */
    public static final int ERESTART = 85;
    /** Error 86. */
    public static final int ESTRPIPE = 86;
    /** Error 87. */
    public static final int EUSERS = 87;
    /** Error 88. */
    public static final int ENOTSOCK = 88;
    /** Error 89. */
    public static final int EDESTADDRREQ = 89;
    /** Error 90. */
    public static final int EMSGSIZE = 90;
    /** Error 91. */
    public static final int EPROTOTYPE = 91;
    /** Error 92. */
    public static final int ENOPROTOOPT = 92;
    /** Error 93. */
    public static final int EPROTONOSUPPORT = 93;
    /** Error 94. */
    public static final int ESOCKTNOSUPPORT = 94;
    /** Error 95. */
    public static final int EOPNOTSUPP = 95;
    /** Error 96. */
    public static final int EPFNOSUPPORT = 96;
    /** Error 97. */
    public static final int EAFNOSUPPORT = 97;
    /** Error 98. */
    public static final int EADDRINUSE = 98;
    /** Error 99. */
    public static final int EADDRNOTAVAIL = 99;
    /** Error 100. */
    public static final int ENETDOWN = 100;
    /** Error 101. */
    public static final int ENETUNREACH = 101;
    /** Error 102. */
    public static final int ENETRESET = 102;
    /** Error 103. */
    public static final int ECONNABORTED = 103;
    /** Error 104. */
    public static final int ECONNRESET = 104;
    /** Error 105. */
    public static final int ENOBUFS = 105;
    /** Error 106. */
    public static final int EISCONN = 106;
    /** Error 107. */
    public static final int ENOTCONN = 107;
    /** Error 108. */
    public static final int ESHUTDOWN = 108;
    /** Error 109. */
    public static final int ETOOMANYREFS = 109;
    /** Error 110. */
    public static final int ETIMEDOUT = 110;
    /** Error 111. */
    public static final int ECONNREFUSED = 111;
    /** Error 112. */
    public static final int EHOSTDOWN = 112;
    /** Error 113. */
    public static final int EHOSTUNREACH = 113;
    /** Error 114. */
    public static final int EALREADY = 114;
    /** Error 115. */
    public static final int EINPROGRESS = 115;
    /** Error 116. */
    public static final int ESTALE = 116;
    /** Error 117. */
    public static final int EUCLEAN = 117;
    /** Error 118. */
    public static final int ENOTNAM = 118;
    /** Error 119. */
    public static final int ENAVAIL = 119;
    /** Error 120. */
    public static final int EISNAM = 120;
    /** Error 121. */
    public static final int EREMOTEIO = 121;
    /** Error 122. */
    public static final int EDQUOT = 122;
    /** Error 123. */
    public static final int ENOMEDIUM = 123;
    /** Error 124. */
    public static final int EMEDIUMTYPE = 124;
    /** Error 125. */
    public static final int ECANCELED = 125;
    /** Error 126. */
    public static final int ENOKEY = 126;
    /** Error 127. */
    public static final int EKEYEXPIRED = 127;
    /** Error 128. */
    public static final int EKEYREVOKED = 128;
    /** Error 129. */
    public static final int EKEYREJECTED = 129;
    /** Error 130. */
    public static final int EOWNERDEAD = 130;
    /** Error 131. */
    public static final int ENOTRECOVERABLE = 131;
    /** Error 132. */
    public static final int ERFKILL = 132;
    /** Error 133. */
    public static final int EHWPOISON = 133;
    /** Only QNX's: no such node. */
    public static final int ENOREMOTE = 300;
    /** Only QNX's: the server's memory could not be accessed. */
    public static final int ESRVRFAULT = 312;
    /** No error. */
    public static final int EOK = 0;
    /** Another name of {@link #EAGAIN}. */
    public static final int EWOULDBLOCK = EAGAIN;
    /** Another name of {@link #EOPNOTSUPP}. */
    public static final int ENOTSUP = EOPNOTSUPP;

    private static final String[] NAMES = {
        null, "EPERM", "ENOENT", "ESRCH", "EINTR", "EIO", "ENXIO", "E2BIG", "ENOEXEC", "EBADF", "ECHILD", "EAGAIN",
        "ENOMEM", "EACCES", "EFAULT", "ENOTBLK", "EBUSY", "EEXIST", "EXDEV", "ENODEV", "ENOTDIR", "EISDIR", "EINVAL",
        "ENFILE", "EMFILE", "ENOTTY", "ETXTBSY", "EFBIG", "ENOSPC", "ESPIPE", "EROFS", "EMLINK", "EPIPE", "EDOM",
        "ERANGE", "EDEADLK", "ENAMETOOLONG", "ENOLCK", "ENOSYS", "ENOTEMPTY", "ELOOP", null, "ENOMSG", "EIDRM",
        "ECHRNG", "EL2NSYNC", "EL3HLT", "EL3RST", "ELNRNG", "EUNATCH", "ENOCSI", "EL2HLT", "EBADE", "EBADR", "EXFULL",
        "ENOANO", "EBADRQC", "EBADSLT", null, "EBFONT", "ENOSTR", "ENODATA", "ETIME", "ENOSR", "ENONET", "ENOPKG",
        "EREMOTE", "ENOLINK", "EADV", "ESRMNT", "ECOMM", "EPROTO", "EMULTIHOP", "EDOTDOT", "EBADMSG", "EOVERFLOW",
        "ENOTUNIQ", "EBADFD", "EREMCHG", "ELIBACC", "ELIBBAD", "ELIBSCN", "ELIBMAX", "ELIBEXEC", "EILSEQ", "ERESTART",
        "ESTRPIPE", "EUSERS", "ENOTSOCK", "EDESTADDRREQ", "EMSGSIZE", "EPROTOTYPE", "ENOPROTOOPT", "EPROTONOSUPPORT",
        "ESOCKTNOSUPPORT", "EOPNOTSUPP", "EPFNOSUPPORT", "EAFNOSUPPORT", "EADDRINUSE", "EADDRNOTAVAIL", "ENETDOWN",
        "ENETUNREACH", "ENETRESET", "ECONNABORTED", "ECONNRESET", "ENOBUFS", "EISCONN", "ENOTCONN", "ESHUTDOWN",
        "ETOOMANYREFS", "ETIMEDOUT", "ECONNREFUSED", "EHOSTDOWN", "EHOSTUNREACH", "EALREADY", "EINPROGRESS", "ESTALE",
        "EUCLEAN", "ENOTNAM", "ENAVAIL", "EISNAM", "EREMOTEIO", "EDQUOT", "ENOMEDIUM", "EMEDIUMTYPE", "ECANCELED",
        "ENOKEY", "EKEYEXPIRED", "EKEYREVOKED", "EKEYREJECTED", "EOWNERDEAD", "ENOTRECOVERABLE", "ERFKILL",
        "EHWPOISON",
    };

    /** Longer than any sentence of the C library. */
    private static final int SENTENCE_LIMIT = 256;

    private Errno() {}

    /**
     * {@return the name of an error number, such as {@code "EPIPE"}, or {@code "error 4711"}}
     *
     * @param errno the number, positive
     */
    public static String name(int errno) {
        boolean known = errno > 0 && errno < NAMES.length && NAMES[errno] != null;
        return switch (errno) {
            case EOK -> "EOK";
            case ENOREMOTE -> "ENOREMOTE";
            case ESRVRFAULT -> "ESRVRFAULT";
            default -> known ? NAMES[errno] : "error " + errno;
        };
    }

    /**
     * Makes the exception for an error: the subclass that programs catch by itself where there is one, else a plain
     * {@link TetrapylonException}.
     *
     * @param call the documented name of the call that failed
     * @param errno the number, positive or (as the native functions return it) negative
     * @return the exception, to be thrown by the caller
     */
    public static TetrapylonException exception(String call, int errno) {
        return switch (Math.abs(errno)) {
            case ETIMEDOUT -> new DeadlineException(call);
            case EINTR -> new InterruptedCallException(call);
            default -> new TetrapylonException(call, errno);
        };
    }

    /**
     * {@return the C library's sentence about an error number, such as {@code "Broken pipe"}}
     *
     * @param errno the number, positive
     */
    public static String describe(int errno) {
        switch (errno) {
            case ENOREMOTE:
                return "No such node";
            case ESRVRFAULT:
                return "The server's memory could not be accessed";
            default:
                break;
        }
        try {
            MemorySegment sentence = (MemorySegment) Sentence.HANDLE.invokeExact(errno);
            return sentence.reinterpret(SENTENCE_LIMIT).getString(0);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError("a downcall threw", e);
        }
    }

    /** Looked up when the first sentence is wanted, so that the numbers can be used without native access. */
    private static final class Sentence {
        static final MethodHandle HANDLE = Linker.nativeLinker().downcallHandle(
                Linker.nativeLinker().defaultLookup().findOrThrow("strerror"),
                FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
    }
}
