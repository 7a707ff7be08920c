// What the running program knows of its own addresses: the names of kernels, and which memory is constant.
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <vector>

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include "kernels/cuda/emulator/grid.h"

namespace hotloop::emulator {

namespace {

struct Range {
  uintptr_t first, last;
};

// Read-only segments of all that is loaded, and what the loader makes read-only.
std::vector<Range> constant_ranges() {
  std::vector<Range> ranges;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* found) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& header = info->dlpi_phdr[i];
          if ((header.p_type == PT_LOAD && !(header.p_flags & PF_W)) || header.p_type == PT_GNU_RELRO) {
            const uintptr_t first = info->dlpi_addr + header.p_vaddr;
            static_cast<std::vector<Range>*>(found)->push_back({first, first + header.p_memsz});
          }
        }
        return 0;
      },
      &ranges);
  return ranges;
}

std::string demangle(const char* symbol) {
  int status = 0;
  char* text = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  std::string result = status == 0 ? text : symbol;
  std::free(text);
  if (const size_t arguments = result.rfind('('); arguments != std::string::npos && arguments > 0) {
    result.resize(arguments);  // the parameters' types say nothing
  }
  return result;
}

// Kernels are hidden symbols, which dladdr does not know: the file's symbol table does, unless it was stripped.
std::map<uintptr_t, std::string> functions_of(const char* path, uintptr_t base) {
  std::map<uintptr_t, std::string> functions;
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  if (bytes.size() < sizeof(ElfW(Ehdr)) || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) return functions;
  const auto& header = *reinterpret_cast<const ElfW(Ehdr)*>(bytes.data());
  const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(bytes.data() + header.e_shoff);
  for (int i = 0; i < header.e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const char* names = bytes.data() + sections[sections[i].sh_link].sh_offset;
    const auto* symbols = reinterpret_cast<const ElfW(Sym)*>(bytes.data() + sections[i].sh_offset);
    for (size_t j = 0; j < sections[i].sh_size / sizeof *symbols; ++j) {
      if (ELF64_ST_TYPE(symbols[j].st_info) == STT_FUNC && symbols[j].st_value != 0) {
        functions.emplace(base + symbols[j].st_value, names + symbols[j].st_name);
      }
    }
  }
  return functions;
}

}  // namespace

bool is_constant_data(const void* p) {
  static const std::vector<Range> ranges = constant_ranges();
  const auto address = reinterpret_cast<uintptr_t>(p);
  for (const Range& range : ranges) {
    if (address >= range.first && address < range.last) return true;
  }
  return false;
}

std::string name_of_function(void (*function)()) {
  static std::mutex mutex;
  static std::map<std::string, std::map<uintptr_t, std::string>> files;
  static std::map<void*, std::string> known;
  auto* address = reinterpret_cast<void*>(function);
  std::lock_guard lock(mutex);
  if (const auto found = known.find(address); found != known.end()) return found->second;
  Dl_info info;
  if (dladdr(address, &info) == 0) return "";
  auto [file, is_new] = files.try_emplace(info.dli_fname);
  if (is_new) {
    // Addresses in a program that is not relocatable are absolute.
    const auto base = reinterpret_cast<uintptr_t>(info.dli_fbase);
    const bool absolute = reinterpret_cast<const ElfW(Ehdr)*>(base)->e_type == ET_EXEC;
    file->second = functions_of(info.dli_fname, absolute ? 0 : base);
  }
  const auto symbol = file->second.find(reinterpret_cast<uintptr_t>(address));
  return known[address] = symbol == file->second.end() ? "" : demangle(symbol->second.c_str());
}

}  // namespace hotloop::emulator
