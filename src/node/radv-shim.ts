/**
 * A small C library that is loaded before all others into a process in which Mesa's RADV drives no hardware. RADV then leaves
 * some of its function pointers null and calls them all the same. The library makes such a call return 0. It does so in a
 * handler of SIGSEGV, and because Node and V8 set handlers of their own later, it keeps those for other faults.
 */
export const RADV_SHIM = `#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>
#include <ucontext.h>

typedef int set_action(int, const struct sigaction *, struct sigaction *);

static set_action *set_real;
/* What the program itself wants to be done about a fault. */
static struct sigaction wanted;

static void on_fault(int signal_number, siginfo_t *info, void *state) {
  greg_t *registers = ((ucontext_t *)state)->uc_mcontext.gregs;
  if (registers[REG_RIP] == 0) {
    /* A call of a null pointer has only pushed its return address: return there, with the result 0. */
    const greg_t *stack = (const greg_t *)registers[REG_RSP];
    registers[REG_RIP] = *stack;
    registers[REG_RSP] += sizeof *stack;
    registers[REG_RAX] = 0;
  } else if ((wanted.sa_flags & SA_SIGINFO) && wanted.sa_sigaction) {
    wanted.sa_sigaction(signal_number, info, state);
  } else if (wanted.sa_handler != SIG_DFL && wanted.sa_handler != SIG_IGN) {
    wanted.sa_handler(signal_number);
  } else {
    /* The instruction runs again, and this time the fault ends the process. */
    struct sigaction end = {.sa_handler = SIG_DFL};
    set_real(SIGSEGV, &end, NULL);
  }
}

int sigaction(int signal_number, const struct sigaction *action, struct sigaction *before) {
  if (!set_real) set_real = (set_action *)dlsym(RTLD_NEXT, "sigaction");
  if (signal_number != SIGSEGV) return set_real(signal_number, action, before);
  if (before) *before = wanted;
  if (action) wanted = *action;
  return 0;
}

__attribute__((constructor)) static void begin(void) {
  struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
  ours.sa_sigaction = on_fault;
  set_real = (set_action *)dlsym(RTLD_NEXT, "sigaction");
  sigemptyset(&ours.sa_mask);
  set_real(SIGSEGV, &ours, NULL);
}
`;
