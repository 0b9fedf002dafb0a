/* leat plugin test: the conformance suite on a compiled plugin. */
#ifndef LEAT_CLI_PLUGIN_TEST_H
#define LEAT_CLI_PLUGIN_TEST_H

/* 0 when every test is ok or skipped. */
int plugin_test(int argc, char **argv);

#endif
