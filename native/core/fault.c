/*
 * fault: see fault.h. tpy_copy is one leaf routine in assembly that uses no stack, so the handler recognises a fault in it by the
 * program counter alone and sends it to the routine's second exit; so it does for the accesses in line (short_copy.h), by their table. No per-thread
 * state, no cost while nothing faults.
 */
#define _GNU_SOURCE
#include "core/fault.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/fork.h"
#include "core/short_copy.h"

extern const char tpy_copy_begin[], tpy_copy_end[], tpy_copy_fault[];
/* The linker names the bounds of a section by itself. */
extern const struct tpy_fault_range __start_tpy_faults[] __attribute__((visibility("hidden"))), __stop_tpy_faults[] __attribute__((visibility("hidden")));

#if defined(__x86_64__)
/* Up to 32 bytes by overlapping moves, to 1 KiB by 16-byte moves, beyond that by rep movsb, which modern CPUs run a line at a time: but for a destination
 * that lies less than 16 bytes beyond the source within its page, where the CPU takes its own stores for what it is about to load and becomes up to 35
 * times slower. Blocks from malloc lie 16 bytes into a page, our data at its begin, so that is common. */
__asm__(".text\n.p2align 5\n.globl tpy_copy\n.hidden tpy_copy\n.type tpy_copy,@function\n"
        ".globl tpy_copy_begin\n.hidden tpy_copy_begin\n.globl tpy_copy_end\n.hidden tpy_copy_end\n"
        ".globl tpy_copy_fault\n.hidden tpy_copy_fault\n"
        "tpy_copy:\ntpy_copy_begin:\n.cfi_startproc\n"
        "cmpq $16,%rdx\n jae 2f\n"
        "cmpl $8,%edx\n jae 1f\n"
        "cmpl $4,%edx\n jae 3f\n"
        "testl %edx,%edx\n jz 9f\n"
        "movzbl (%rsi),%eax\n movzbl -1(%rsi,%rdx),%ecx\n cmpl $2,%edx\n jbe 4f\n movzbl 1(%rsi),%r8d\n movb %r8b,1(%rdi)\n"
        "4: movb %al,(%rdi)\n movb %cl,-1(%rdi,%rdx)\n xorl %eax,%eax\n ret\n"
        "3: movl (%rsi),%eax\n movl -4(%rsi,%rdx),%ecx\n movl %eax,(%rdi)\n movl %ecx,-4(%rdi,%rdx)\n xorl %eax,%eax\n ret\n"
        "1: movq (%rsi),%rax\n movq -8(%rsi,%rdx),%rcx\n movq %rax,(%rdi)\n movq %rcx,-8(%rdi,%rdx)\n"
        "9: xorl %eax,%eax\n ret\n"
        "2: cmpq $32,%rdx\n ja 5f\n"
        "movups (%rsi),%xmm0\n movups -16(%rsi,%rdx),%xmm1\n movups %xmm0,(%rdi)\n movups %xmm1,-16(%rdi,%rdx)\n xorl %eax,%eax\n ret\n"
        "5: cmpq $1024,%rdx\n jae 7f\n"
        "10: movups -16(%rsi,%rdx),%xmm4\n leaq -16(%rdi,%rdx),%r8\n"
        "6: movups (%rsi),%xmm0\n movups 16(%rsi),%xmm1\n movups %xmm0,(%rdi)\n movups %xmm1,16(%rdi)\n"
        "addq $32,%rsi\n addq $32,%rdi\n subq $32,%rdx\n cmpq $32,%rdx\n ja 6b\n"
        "cmpq $16,%rdx\n jbe 8f\n movups (%rsi),%xmm0\n movups %xmm0,(%rdi)\n"
        "8: movups %xmm4,(%r8)\n xorl %eax,%eax\n ret\n"
        "7: movl %edi,%eax\n subl %esi,%eax\n andl $4095,%eax\n decl %eax\n cmpl $15,%eax\n jb 10b\n"
        "movq %rdx,%rcx\n cld\n rep movsb\n xorl %eax,%eax\n ret\n"
        ".globl tpy_copy_words\n.hidden tpy_copy_words\n.type tpy_copy_words,@function\n"
        "tpy_copy_words:\n"
        "1: movl (%rsi),%eax\n movl %eax,(%rdi)\n addq $4,%rsi\n addq $4,%rdi\n subq $4,%rdx\n ja 1b\n xorl %eax,%eax\n ret\n"
        ".globl tpy_copy_longs\n.hidden tpy_copy_longs\n.type tpy_copy_longs,@function\n"
        "tpy_copy_longs:\n"
        "1: movq (%rsi),%rax\n movq %rax,(%rdi)\n addq $8,%rsi\n addq $8,%rdi\n subq $8,%rdx\n ja 1b\n xorl %eax,%eax\n ret\n"
        ".globl tpy_copy_join\n.hidden tpy_copy_join\n.type tpy_copy_join,@function\n"
        "tpy_copy_join:\n"
        "subq $16,%rdx\n jb 2f\n"
        "1: movq (%rsi),%xmm0\n movhps 8(%rsi),%xmm0\n movups %xmm0,(%rdi)\n addq $16,%rsi\n addq $16,%rdi\n subq $16,%rdx\n jae 1b\n"
        "2: testb $8,%dl\n jz 3f\n movq (%rsi),%rax\n movq %rax,(%rdi)\n"
        "3: xorl %eax,%eax\n ret\n"
        ".globl tpy_copy_part\n.hidden tpy_copy_part\n.type tpy_copy_part,@function\n"
        "tpy_copy_part:\n"
        "subq $16,%rdx\n jb 2f\n"
        "1: movups (%rsi),%xmm0\n movq %xmm0,(%rdi)\n movhps %xmm0,8(%rdi)\n addq $16,%rsi\n addq $16,%rdi\n subq $16,%rdx\n jae 1b\n"
        "2: testb $8,%dl\n jz 3f\n movq (%rsi),%rax\n movq %rax,(%rdi)\n"
        "3: xorl %eax,%eax\n ret\n"
        "tpy_copy_end:\n"
        "tpy_copy_fault: movl $1,%eax\n ret\n"
        ".cfi_endproc\n.size tpy_copy,.-tpy_copy\n.previous\n");
#elif defined(__aarch64__)
__asm__(".text\n.p2align 5\n.globl tpy_copy\n.hidden tpy_copy\n.type tpy_copy,%function\n"
        ".globl tpy_copy_begin\n.hidden tpy_copy_begin\n.globl tpy_copy_end\n.hidden tpy_copy_end\n"
        ".globl tpy_copy_fault\n.hidden tpy_copy_fault\n"
        "tpy_copy:\ntpy_copy_begin:\n"
        "1: subs x2,x2,#32\n b.lo 2f\n ldp q0,q1,[x1],#32\n stp q0,q1,[x0],#32\n b 1b\n"
        "2: add x2,x2,#32\n"
        "3: subs x2,x2,#8\n b.lo 4f\n ldr x3,[x1],#8\n str x3,[x0],#8\n b 3b\n"
        "4: add x2,x2,#8\n"
        "5: cbz x2,6f\n ldrb w3,[x1],#1\n strb w3,[x0],#1\n sub x2,x2,#1\n b 5b\n"
        "6: mov w0,#0\n ret\n"
        ".globl tpy_copy_words\n.hidden tpy_copy_words\n.type tpy_copy_words,%function\n"
        "tpy_copy_words:\n"
        "7: ldr w3,[x1],#4\n str w3,[x0],#4\n subs x2,x2,#4\n b.hi 7b\n mov w0,#0\n ret\n"
        ".globl tpy_copy_longs\n.hidden tpy_copy_longs\n.type tpy_copy_longs,%function\n"
        "tpy_copy_longs:\n"
        "8: ldr x3,[x1],#8\n str x3,[x0],#8\n subs x2,x2,#8\n b.hi 8b\n mov w0,#0\n ret\n"
        ".globl tpy_copy_join\n.hidden tpy_copy_join\n.type tpy_copy_join,%function\n"
        ".globl tpy_copy_part\n.hidden tpy_copy_part\n.type tpy_copy_part,%function\n"
        "tpy_copy_join:\ntpy_copy_part:\n"
        "9: subs x2,x2,#8\n b.lo 10f\n ldr x3,[x1],#8\n str x3,[x0],#8\n b 9b\n"
        "10: mov w0,#0\n ret\n"
        "tpy_copy_end:\n"
        "tpy_copy_fault: mov w0,#1\n ret\n"
        ".size tpy_copy,.-tpy_copy\n.previous\n");
#else
#error "Tetrapylon supports x86-64 and aarch64: build it on one of these."
#endif

static struct sigaction before_segv, before_bus;
static pthread_mutex_t arming = PTHREAD_MUTEX_INITIALIZER;

static uintptr_t *program_counter(ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t *)&context->uc_mcontext.gregs[REG_RIP];
#else
    return (uintptr_t *)&context->uc_mcontext.pc;
#endif
}

__thread volatile bool tpy_fault_breakable __attribute__((tls_model("initial-exec"), visibility("hidden")));
static char break_mark; /* what a break's signal carries, so that it is known from all others */

/* Where a copy that faults at `at` goes on; 0: it is no copy of ours. */
static uintptr_t landing(uintptr_t at)
{
    if (at >= (uintptr_t)tpy_copy_begin && at < (uintptr_t)tpy_copy_end) return (uintptr_t)tpy_copy_fault;
    for (const struct tpy_fault_range *range = __start_tpy_faults; range < __stop_tpy_faults; range++) {
        uintptr_t begin = (uintptr_t)&range->begin + (uintptr_t)(intptr_t)range->begin, end = (uintptr_t)&range->end + (uintptr_t)(intptr_t)range->end;
        if (at >= begin && at < end) return end;
    }
    return 0;
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    uintptr_t *at = program_counter(context);
    bool is_break = info->si_code == SI_QUEUE && info->si_value.sival_ptr == &break_mark;
    if (is_break && !tpy_fault_breakable) return; /* too late */
    uintptr_t on = landing(*at);
    if (on != 0) {
        *at = on;
        return;
    }
    if (is_break) return;
    const struct sigaction *before = signal == SIGSEGV ? &before_segv : &before_bus;
    if (before->sa_flags & SA_SIGINFO) {
        before->sa_sigaction(signal, info, context);
    } else if (before->sa_handler == SIG_IGN || before->sa_handler == SIG_DFL) {
        /* Nobody wanted it: let the fault happen again, or, if it was sent, send it again, with the default action. */
        struct sigaction plain = {.sa_handler = SIG_DFL};
        sigaction(signal, &plain, NULL);
        if (info->si_code <= 0) raise(signal);
    } else {
        before->sa_handler(signal);
    }
}

static void arm(int signal, struct sigaction *before)
{
    struct sigaction now;
    if (sigaction(signal, NULL, &now) != 0) return;
    if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_fault) return;
    *before = now;
    struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | (now.sa_flags & SA_NODEFER)};
    ours.sa_mask = now.sa_mask;
    sigaction(signal, &ours, NULL);
}

/* A signal is the one thing that ends a thread's wait for a pager. This one has a handler of ours already. */
void tpy_fault_break(pid_t thread)
{
    struct sigaction now;
    siginfo_t info = {.si_signo = SIGSEGV, .si_code = SI_QUEUE};
    if (sigaction(SIGSEGV, NULL, &now) != 0 || !(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != on_fault) return;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = &break_mark;
    syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, SIGSEGV, &info);
}

static void in_child(void) { pthread_mutex_init(&arming, NULL); }
static void once_ever(void) { tpy_at_fork_child(in_child); }

void tpy_fault_arm(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, once_ever);
    pthread_mutex_lock(&arming);
    arm(SIGSEGV, &before_segv);
    arm(SIGBUS, &before_bus);
    pthread_mutex_unlock(&arming);
}
