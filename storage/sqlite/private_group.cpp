#include "storage/sqlite/private_group.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace roktcached::storage {

namespace {

/// For the texts of one entry of a system's database; a longer one is as good as a stranger's.
constexpr std::size_t entry_bytes = 16 * 1024;

bool is_one_of_ours(gid_t group) {
  if (group == ::getegid()) return true;
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(count, 0)));
  return std::ranges::find(groups, group) != groups.end();
}

/// Empty if the system has none.
std::string own_name() {
  std::vector<char> texts(entry_bytes);
  passwd entry{};
  passwd* found = nullptr;
  const int error = ::getpwuid_r(::geteuid(), &entry, texts.data(), texts.size(), &found);
  return error == 0 && found != nullptr ? entry.pw_name : "";
}

}  // namespace

bool is_private_group(gid_t group) {
  if (group == 0 || !is_one_of_ours(group)) return false;
  std::vector<char> texts(entry_bytes);
  ::group entry{};
  ::group* found = nullptr;
  if (::getgrgid_r(group, &entry, texts.data(), texts.size(), &found) != 0) return false;
  if (found == nullptr) return true;
  const std::string name = own_name();
  if (name.empty() || name != entry.gr_name) return false;
  for (char** member = entry.gr_mem; *member != nullptr; ++member) {
    if (name != *member) return false;
  }
  return true;
}

}  // namespace roktcached::storage
