#include "elf.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file in memory; every offset in it is the file's word, and is checked. */
struct image {
    const char *bytes;
    size_t size;
};

static const void *at(const struct image *image, size_t offset, size_t size)
{
    return offset <= image->size && size <= image->size - offset ? image->bytes + offset : NULL;
}

static bool open_image(struct image *image, const char *file)
{
    struct stat status;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0 || status.st_size <= 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    *image = (struct image){bytes, (size_t)status.st_size};
    return bytes != MAP_FAILED;
}

static bool is_shared_object(const struct image *image, const char **why)
{
    const ElfW(Ehdr) *head = at(image, 0, sizeof *head);
    const ElfW(Ehdr) own = {
        .e_machine =
#if defined(__x86_64__)
            EM_X86_64
#elif defined(__aarch64__)
            EM_AARCH64
#else
            EM_NONE
#endif
    };
    if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0)
        *why = "it is no ELF file";
    else if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_machine != own.e_machine)
        *why = "it was built for another processor";
    else if (head->e_type != ET_DYN)
        *why = "it is no shared object";
    else
        return true;
    return false;
}

static const ElfW(Shdr) * find_section(const struct image *image, unsigned type)
{
    const ElfW(Ehdr) *head = at(image, 0, sizeof *head);
    for (unsigned i = 0; i < head->e_shnum; i++) {
        const ElfW(Shdr) *section = at(image, head->e_shoff + (size_t)i * head->e_shentsize, sizeof *section);
        if (section && section->sh_type == type)
            return section;
    }
    return NULL;
}

static const ElfW(Shdr) * section_number(const struct image *image, unsigned index)
{
    const ElfW(Ehdr) *head = at(image, 0, sizeof *head);
    return index < head->e_shnum ? at(image, head->e_shoff + (size_t)index * head->e_shentsize, sizeof(ElfW(Shdr)))
                                 : NULL;
}

/* The name at `offset` of a table of strings, or "". */
static const char *name_at(const struct image *image, const ElfW(Shdr) * strings, size_t offset)
{
    const char *name = offset < strings->sh_size ? at(image, strings->sh_offset + offset, 1) : NULL;
    return name && memchr(name, '\0', image->size - (size_t)(name - image->bytes)) ? name : "";
}

static void walk(const struct image *image, const ElfW(Shdr) * symbols, const ElfW(Shdr) * strings,
                 bool (*each)(const struct elf_symbol *symbol, void *user), void *user)
{
    bool more = true;
    for (size_t i = 1; more && i < symbols->sh_size / sizeof(ElfW(Sym)); i++) {
        const ElfW(Sym) *symbol = at(image, symbols->sh_offset + i * sizeof *symbol, sizeof *symbol);
        if (!symbol)
            return;
        unsigned binding = ELF64_ST_BIND(symbol->st_info);
        const struct elf_symbol found = {.name = name_at(image, strings, symbol->st_name),
                                         .defined = symbol->st_shndx != SHN_UNDEF,
                                         .weak = binding == STB_WEAK};
        if (binding != STB_LOCAL && *found.name)
            more = each(&found, user);
    }
}

bool elf_symbols(const char *file, bool (*each)(const struct elf_symbol *symbol, void *user), void *user, char *explain,
                 size_t size)
{
    struct image image;
    const char *why = "it has no table of dynamic symbols";
    if (!open_image(&image, file)) {
        snprintf(explain, size, "it cannot be read");
        return false;
    }
    const ElfW(Shdr) *symbols = is_shared_object(&image, &why) ? find_section(&image, SHT_DYNSYM) : NULL;
    const ElfW(Shdr) *strings = symbols ? section_number(&image, symbols->sh_link) : NULL;
    if (strings)
        walk(&image, symbols, strings, each, user);
    else
        snprintf(explain, size, "%s", why);
    munmap((void *)image.bytes, image.size);
    return strings != NULL;
}
