/* Counts the branches of code that gcc has built with -fsanitize-coverage=trace-pc, in the form in which libFuzzer reads
   them. Loaded before the fuzzer, whose own function of that name does nothing. */
#include <stddef.h>
#include <stdint.h>

#define SLOTS 65536

static uint8_t counters[SLOTS];
static struct { uintptr_t pc, flags; } table[SLOTS];

void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop);
void __sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *stop);

void __sanitizer_cov_trace_pc(void) {
    uintptr_t pc = (uintptr_t)__builtin_return_address(0);
    counters[(pc ^ (pc >> 16)) % SLOTS]++;
}

/* gcc reports comparisons of numbers with a fraction, too; libFuzzer has no use for them. */
void __sanitizer_cov_trace_cmpf(float a, float b) { (void)a; (void)b; }
void __sanitizer_cov_trace_cmpd(double a, double b) { (void)a; (void)b; }

/* To be called once, after the fuzzer is set up. */
void gs_register_coverage(void) {
    for (size_t i = 0; i < SLOTS; i++) table[i].pc = (uintptr_t)&counters[i];
    __sanitizer_cov_8bit_counters_init(counters, counters + SLOTS);
    __sanitizer_cov_pcs_init((const uintptr_t *)table, (const uintptr_t *)(table + SLOTS));
}
