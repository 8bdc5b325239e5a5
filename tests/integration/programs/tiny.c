// SPDX-License-Identifier: Apache-2.0
// The smallest program there is: ends with status 0. Built without a C library.
void _start(void)
{
#ifdef __x86_64__
	__asm__ volatile("syscall" : : "a"(60), "D"(0) : "rcx", "r11", "memory");
#elif defined(__i386__)
	__asm__ volatile("int $0x80" : : "a"(1), "b"(0) : "memory");
#elif defined(__aarch64__)
	register long number __asm__("x8") = 93;
	register long status __asm__("x0") = 0;

	__asm__ volatile("svc 0" : : "r"(number), "r"(status) : "memory");
#elif defined(__arm__)
	register long number __asm__("r7") = 1;
	register long status __asm__("r0") = 0;

	__asm__ volatile("svc 0" : : "r"(number), "r"(status) : "memory");
#else
#error "no system call known"
#endif
	for (;;)
		;
}
