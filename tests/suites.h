/* suites.h: every suite, one line each, in the order of the floors. */
#ifndef KILN_TEST_SUITES_H
#define KILN_TEST_SUITES_H

/* clang-format off */
#define SUITES(X) \
	X(suite_err) \
	X(suite_str) \
	X(suite_fs) \
	X(suite_proc) \
	X(suite_digest) \
	X(suite_lint) \
	X(suite_compress) \
	X(suite_tar) \
	X(suite_json) \
	X(suite_download_tls) \
	X(suite_source) \
	X(suite_source_cache) \
	X(suite_source_other) \
	X(suite_ucode) \
	X(suite_gpgv) \
	X(suite_download) \
	X(suite_archive) \
	X(suite_archive_hostile) \
	X(suite_box) \
	X(suite_box_probes) \
	X(suite_box_copy) \
	X(suite_toolchain) \
	X(suite_box_host) \
	X(suite_depmod) \
	X(suite_depmod_run) \
	X(suite_patch) \
	X(suite_buildlog) \
	X(suite_warnings) \
	X(suite_devkit) \
	X(suite_compile) \
	X(suite_kmake_shell) \
	X(suite_module_sign) \
	X(suite_oci_image) \
	X(suite_oci_publish) \
	X(suite_oci_verify) \
	X(suite_oci_clients) \
	X(suite_config_text) \
	X(suite_config) \
	X(suite_workspace) \
	X(suite_options) \
	X(suite_stage) \
	X(suite_queue) \
	X(suite_git) \
	X(suite_sysroot_make) \
	X(suite_sysroot_debian) \
	X(suite_sysroot_other) \
	X(suite_config_cmd) \
	X(suite_small_build) \
	X(suite_kconfig) \
	X(suite_build) \
	X(suite_hello) \

/* clang-format on */

#endif
