/* A shared object like any other, but no plugin. */
__attribute__((visibility("default"))) int not_a_leat_plugin(void);

int not_a_leat_plugin(void)
{
    return 0;
}
