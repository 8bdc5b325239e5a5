// SPDX-License-Identifier: Apache-2.0
// usage: compat execve|execveat FILE [ARG...]
//
// Calls exec by the 32-bit system call gate, on x86 int 0x80, whether it is itself a 32-bit or a
// 64-bit program (in one of 64 bits everything must lie below 4 GiB, so it is copied to static
// memory). Ends with the errno of a failed exec. Built without a C library, so that it needs no
// 32-bit one.
typedef unsigned int u32;

#define AT_FDCWD    -100
#define ARGUMENTS   64
#define TEXT	    65536
#define NR32_EXIT   1
#define NR32_EXECVE 11
#ifdef __arm__
#define NR32_EXECVEAT 387
#else
#define NR32_EXECVEAT 358
#endif

static u32 arguments[ARGUMENTS + 1], environment[ARGUMENTS + 1];
static char text[TEXT];
static u32 used;

static int call32(u32 number, u32 a, u32 b, u32 c, u32 d, u32 e)
{
#ifdef __arm__
	register u32 r7 __asm__("r7") = number, r0 __asm__("r0") = a, r1 __asm__("r1") = b;
	register u32 r2 __asm__("r2") = c, r3 __asm__("r3") = d, r4 __asm__("r4") = e;

	__asm__ volatile("svc 0"
			 : "+r"(r0)
			 : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4)
			 : "memory");
	return r0;
#else
	int result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory");
	return result;
#endif
}

static u32 copy_low(const char *string)
{
	u32 begin = used;

	do {
		if (used == TEXT)
			call32(NR32_EXIT, 126, 0, 0, 0, 0);
		text[used++] = *string;
	} while (*string++);
	return (u32)(unsigned long)(text + begin);
}

static void copy_all(u32 *to, char **from)
{
	int i;

	for (i = 0; from[i] && i < ARGUMENTS; i++)
		to[i] = copy_low(from[i]);
	to[i] = 0;
}

__attribute__((used)) void run(long *stack)
{
	char **argv = (char **)(stack + 1);
	char **envp = argv + *stack + 1;
	u32 argv32 = (u32)(unsigned long)arguments, envp32 = (u32)(unsigned long)environment;
	int result;

	if (*stack < 3)
		call32(NR32_EXIT, 2, 0, 0, 0, 0);
	copy_all(arguments, argv + 3);
	copy_all(environment, envp);
	if (argv[1][6]) /* execveat */
		result = call32(NR32_EXECVEAT, (u32)AT_FDCWD, copy_low(argv[2]), argv32, envp32, 0);
	else
		result = call32(NR32_EXECVE, copy_low(argv[2]), argv32, envp32, 0, 0);
	call32(NR32_EXIT, (u32)-result, 0, 0, 0, 0);
}

#ifdef __x86_64__
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call run\n hlt\n");
#elif defined(__arm__)
__asm__(".globl _start\n_start: mov r0, sp\n bic sp, sp, #7\n bl run\n udf #0\n");
#else
__asm__(".globl _start\n_start: mov %esp, %eax\n and $-16, %esp\n sub $12, %esp\n push %eax\n"
	" call run\n hlt\n");
#endif
