#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>

static int __init hello_init(void)
{
	pr_info("hello, world from %s\n", current->comm);
	return 0;
}

static void __exit hello_exit(void)
{
	pr_info("goodbye, world\n");
}

module_init(hello_init);
module_exit(hello_exit);
MODULE_DESCRIPTION("Out-of-tree module, built from kernel-dev.tar alone");
MODULE_LICENSE("GPL");
