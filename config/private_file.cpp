#include "config/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "config/values.h"
#include "core/descriptor.h"

namespace roktcached::config {

namespace {

Error refused(const std::string& path, const std::string& why) {
  return {.code = ErrorCode::configuration, .context = path + ": " + why};
}

std::string system_says(int error) {
  return std::generic_category().message(error);
}

/// Up to `most` bytes; or errno's value.
std::pair<std::string, int> read_up_to(int fd, std::size_t most) {
  std::string content(most, '\0');
  std::size_t size = 0;
  while (size < most) {
    const auto more = ::read(fd, content.data() + size, most - size);
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return {std::string(), errno};
    if (more == 0) break;
    size += static_cast<std::size_t>(more);
  }
  content.resize(size);
  return {std::move(content), 0};
}

/// Whether root alone decides which files are in a folder. In a sticky folder nobody can exchange another
/// user's file.
bool is_of_root(const std::filesystem::path& folder) {
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != 0) return false;
  return (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (status.st_mode & S_ISVTX) != 0;
}

/// @param opened  what `path` led to; should it lead elsewhere by now, the answer is no
bool is_mounted_secret(const std::string& path, const struct stat& opened) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  struct stat found {};
  if (error || ::lstat(real.c_str(), &found) != 0) return false;
  if (found.st_dev != opened.st_dev || found.st_ino != opened.st_ino) return false;
  for (auto folder = real.parent_path(); is_of_root(folder); folder = folder.parent_path()) {
    if (folder == "/run/secrets" || folder == "/var/run/secrets") return true;
    if (folder == folder.root_path()) return false;
  }
  return false;
}

/// Opens a regular file for reading; a pipe is not waited for.
Result<Descriptor> open_file(const std::string& path, struct stat& status) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return refused(path, system_says(errno));
  if (!S_ISREG(status.st_mode)) return refused(path, "not a regular file");
  return file;
}

Result<Secret> read_file(const std::string& path, std::size_t max, bool must_be_private) {
  struct stat status {};
  const auto file = open_file(path, status);
  if (!file) return file.error();
  const FileAccess access{status.st_mode & 07777U, status.st_uid, status.st_gid,
                          is_mounted_secret(path, status)};
  const auto why = why_not_private(access, process_identity());
  if (must_be_private && why) return refused(path, *why);
  auto [content, error] = read_up_to(file->get(), max + 1);
  if (error != 0) return refused(path, system_says(error));
  Secret secret(std::move(content));
  if (secret.reveal().size() > max) return refused(path, "is longer than " + std::to_string(max) + " bytes");
  return secret;
}

/// Which modes are accepted, for a file that has another.
std::string accepted_access(const Identity& self) {
  std::string groups;
  for (const std::uint32_t group : self.groups)
    groups += (groups.empty() ? "" : ", ") + std::to_string(group);
  return "accepted: mode 0600 or 0400; 0640 or 0440 where its group is one of ours (" + groups +
         "); readable by all only below /run/secrets or /var/run/secrets";
}

}  // namespace

Result<Secret> read_private_file(const std::string& path, std::size_t max) {
  return read_file(path, max, true);
}

Result<Secret> read_guarded_file(const std::string& path, std::size_t max) {
  return read_file(path, max, false);
}

Result<void> check_readable_file(const std::string& path) {
  struct stat status {};
  const auto file = open_file(path, status);
  return file ? Result<void>() : file.error();
}

Identity process_identity() {
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(count, 0)));
  if (std::ranges::find(groups, ::getegid()) == groups.end()) groups.insert(groups.begin(), ::getegid());
  return {::geteuid(), {groups.begin(), groups.end()}};
}

std::optional<std::string> why_not_private(const FileAccess& file, const Identity& self) {
  const auto refused_for = [&](const std::string& why) {
    return "has mode " + format_mode(file.mode) + why + "; " + accepted_access(self);
  };
  if (file.owner != self.user && file.owner != 0) {
    return "is owned by user " + std::to_string(file.owner) +
           ", who could put another in its place; accepted: owned by root or by user " +
           std::to_string(self.user) + ", who runs this";
  }
  if ((file.mode & 022U) != 0) return refused_for(", so that others than its owner can write it");
  if (file.is_mounted_secret && (file.mode & 04U) != 0) return std::nullopt;
  if ((file.mode & 07U) != 0) return refused_for(", so that every user has access to it");
  const bool is_our_group = std::ranges::find(self.groups, file.group) != self.groups.end();
  if ((file.mode & 070U) != 0 && !is_our_group)
    return refused_for(", so that group " + std::to_string(file.group) + " has access to it");
  return std::nullopt;
}

std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  return text.starts_with(mark) ? text.substr(mark.size()) : text;
}

}  // namespace roktcached::config
