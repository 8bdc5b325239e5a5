// SPDX-License-Identifier: Apache-2.0
// Prints what it is, see self.h. The target of most execs in the tests.
#include "self.h"

int main(int argc, char **argv)
{
	(void)argv;
	self_print(argc, 0);
	return 0;
}
