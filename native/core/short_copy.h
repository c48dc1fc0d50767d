/*
 * short_copy: fault-safe accesses of a few bytes, in line: most messages and all lists of parts are that short, and of a call of tpy_copy (fault.h) for
 * each half the time would be the call. Each access writes down in a table of its own section where it may fault and where it goes on then; the handler
 * of fault.c looks there.
 */
#ifndef TPY_CORE_SHORT_COPY_H
#define TPY_CORE_SHORT_COPY_H
#include <stddef.h>
#include <stdint.h>

/* A fault from label 1 on, before label 2, goes on at label 2. Both as distances from where they are written, so that nothing is relocated. */
struct tpy_fault_range {
    int32_t begin, end;
};
#define TPY_FAULT_RANGE ".pushsection tpy_faults,\"a\"\n .balign 4\n .long 1b - .\n .long 2b - .\n .popsection\n"

/* 8 to 16 bytes. 0, or 1 if some byte could not be read or written. */
static inline __attribute__((always_inline)) int tpy_copy_short(void *to, const void *from, size_t length)
{
    int bad;
    uint64_t first, last;
    const char *from_last = (const char *)from + length - 8;
    char *to_last = (char *)to + length - 8;
#if defined(__x86_64__)
    __asm__ volatile("movl $1,%0\n1: movq (%3),%1\n movq (%4),%2\n movq %1,(%5)\n movq %2,(%6)\n xorl %0,%0\n2:\n" TPY_FAULT_RANGE
                     : "=&r"(bad), "=&r"(first), "=&r"(last)
                     : "r"(from), "r"(from_last), "r"(to), "r"(to_last)
                     : "memory", "cc");
#else
    __asm__ volatile("mov %w0,#1\n1: ldr %1,[%3]\n ldr %2,[%4]\n str %1,[%5]\n str %2,[%6]\n mov %w0,#0\n2:\n" TPY_FAULT_RANGE
                     : "=&r"(bad), "=&r"(first), "=&r"(last)
                     : "r"(from), "r"(from_last), "r"(to), "r"(to_last)
                     : "memory");
#endif
    return bad;
}

/* Two words into variables of ours: the entry of a list of parts. 0, or 1 if they could not be read. */
static inline __attribute__((always_inline)) int tpy_load_pair(const void *at, uint64_t *first, uint64_t *second)
{
    int bad;
#if defined(__x86_64__)
    __asm__ volatile("movl $1,%0\n1: movq (%3),%1\n movq 8(%3),%2\n xorl %0,%0\n2:\n" TPY_FAULT_RANGE
                     : "=&r"(bad), "=&r"(*first), "=&r"(*second)
                     : "r"(at)
                     : "memory", "cc");
#else
    __asm__ volatile("mov %w0,#1\n1: ldr %1,[%3]\n ldr %2,[%3,#8]\n mov %w0,#0\n2:\n" TPY_FAULT_RANGE
                     : "=&r"(bad), "=&r"(*first), "=&r"(*second)
                     : "r"(at)
                     : "memory");
#endif
    return bad;
}

/* Writes a byte to itself. 0, or 1 if it cannot be read and written. */
static inline __attribute__((always_inline)) int tpy_try_byte(void *at)
{
    int bad;
    uint32_t byte;
#if defined(__x86_64__)
    __asm__ volatile("movl $1,%0\n1: movzbl (%2),%1\n movb %b1,(%2)\n xorl %0,%0\n2:\n" TPY_FAULT_RANGE
                     : "=&r"(bad), "=&q"(byte)
                     : "r"(at)
                     : "memory", "cc");
#else
    __asm__ volatile("mov %w0,#1\n1: ldrb %w1,[%2]\n strb %w1,[%2]\n mov %w0,#0\n2:\n" TPY_FAULT_RANGE
                     : "=&r"(bad), "=&r"(byte)
                     : "r"(at)
                     : "memory");
#endif
    return bad;
}
#endif
