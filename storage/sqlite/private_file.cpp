#include "storage/sqlite/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "storage/sqlite/private_group.h"

namespace roktcached::storage {

namespace {

namespace fs = std::filesystem;

constexpr mode_t private_mode = 0600;
constexpr mode_t private_folder_mode = 0700;

Error refused(std::string context) {
  return {.code = ErrorCode::storage_unavailable, .context = std::move(context)};
}

std::string octal(mode_t mode) {
  std::array<char, 12> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), mode & 07777U, 8).ptr;
  return "0" + std::string(digits.data(), end);
}

std::string user(uid_t id) {
  return "user " + std::to_string(id);
}

std::string_view kind_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a symlink";
  if (S_ISDIR(mode)) return "a directory";
  return "a socket, a pipe or a device";
}

/// Kubernetes opens the files on a volume to the group of the pod, which is ours alone.
bool others_may_write(const struct stat& found) {
  if ((found.st_mode & S_IWOTH) != 0) return true;
  return (found.st_mode & S_IWGRP) != 0 && !is_private_group(found.st_gid);
}

std::string group_of(const struct stat& found) {
  return (found.st_mode & S_IWGRP) != 0 ? " and group " + std::to_string(found.st_gid) : "";
}

Result<void> check_file(const std::string& path, const struct stat& found) {
  if (!S_ISREG(found.st_mode))
    return refused(path + ": is " + std::string(kind_of(found.st_mode)) + "; accepted: a regular file");
  if (found.st_uid != ::geteuid())
    return refused(path + ": belongs to " + user(found.st_uid) + "; accepted: a file of " +
                   user(::geteuid()) + ", as whom roktcached runs");
  if (found.st_nlink != 1)
    return refused(path + ": has " + std::to_string(found.st_nlink) +
                   " hard links; accepted: a file with one name");
  if (others_may_write(found))
    return refused(
        path + ": has mode " + octal(found.st_mode) + group_of(found) +
        ", so that others could have written to it; accepted: mode 0600, of a file that you trust");
  return {};
}

Result<void> check_folder(const std::string& path, const struct stat& found) {
  if (!S_ISDIR(found.st_mode)) return refused(path + ": is no directory; accepted: a directory");
  if (found.st_uid != 0 && found.st_uid != ::geteuid())
    return refused(path + ": belongs to " + user(found.st_uid) + "; accepted: a directory of " +
                   user(::geteuid()) + ", as whom roktcached runs, or of root");
  if (others_may_write(found) && (found.st_mode & S_ISVTX) == 0)
    return refused(path + ": has mode " + octal(found.st_mode) + group_of(found) +
                   ", so that others may write to it; accepted: mode 0700 or 0755, or a sticky bit");
  return {};
}

Result<void> make_folder(const fs::path& folder) {
  std::error_code error;
  if (folder.empty() || fs::exists(folder, error)) return {};
  if (const auto made = make_folder(folder.parent_path()); !made) return made;
  if (::mkdir(folder.c_str(), private_folder_mode) != 0)
    return errno == EEXIST ? Result<void>() : file_error(folder.string(), errno);
  if (::chmod(folder.c_str(), private_folder_mode) != 0) return file_error(folder.string(), errno);
  return {};
}

}  // namespace

Error file_error(const std::string& path, int number) {
  constexpr std::array passing = {EIO,   EINTR,  EAGAIN, ENOMEM, EMFILE,    ENFILE,
                                  EBUSY, ESTALE, ENOSPC, EDQUOT, ETIMEDOUT, ENOBUFS};
  return {.code = ErrorCode::storage_unavailable,
          .retryable = std::ranges::find(passing, number) != passing.end(),
          .context = path + ": " + std::generic_category().message(number)};
}

Result<std::string> private_folder(const std::string& folder) {
  const fs::path wanted = folder.empty() ? fs::path(".") : fs::path(folder);
  if (const auto made = make_folder(wanted); !made) return made.error();
  std::error_code error;
  const std::string path = fs::canonical(wanted, error).string();
  if (error) return file_error(wanted.string(), error.value());
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return file_error(path, errno);
  if (const auto accepted = check_folder(path, found); !accepted) return accepted.error();
  return path;
}

int error_of_making_files_in(const std::string& folder) {
  const Descriptor unnamed(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, private_mode));
  if (unnamed.get() >= 0) return 0;
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT) return errno;
  // The file system knows none without a name, as NFS.
  std::string name = folder + "/.roktcached-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return errno;
  return ::rmdir(name.c_str()) == 0 ? 0 : errno;
}

Result<std::string> check_folder_of(const std::string& file) {
  const fs::path given = fs::path(file).parent_path();
  const fs::path wanted = given.empty() ? fs::path(".") : given;
  std::error_code error;
  fs::path there = wanted;
  while (!fs::exists(there, error)) {
    if (fs::is_symlink(there, error)) return refused(there.string() + ": is a symlink to nothing");
    const fs::path above = there.has_parent_path() ? there.parent_path() : fs::path(".");
    if (above == there) return file_error(file, EACCES);
    there = above;
  }
  const std::string path = fs::canonical(there, error).string();
  struct stat found {};
  if (error || ::lstat(path.c_str(), &found) != 0) return file_error(file, error ? error.value() : errno);
  const bool is_there = there == wanted;
  if (!S_ISDIR(found.st_mode)) return refused(path + ": is no directory; accepted: a directory");
  if (const auto accepted = check_folder(path, found); is_there && !accepted) return accepted.error();
  if (const int why = error_of_making_files_in(path); why != 0) return file_error(file, why);
  return is_there ? path : std::string();
}

Result<bool> check_private_file(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0)
    return errno == ENOENT ? Result<bool>(false) : file_error(path, errno);
  if (const auto accepted = check_file(path, found); !accepted) return accepted.error();
  return true;
}

/// Looked at by name first, so that a device or a pipe is never opened, and then again by descriptor: the
/// name may have changed hands in between.
Result<PrivateFile> open_private_file(const std::string& path, Missing missing, const OperatorLog& report) {
  if (const auto accepted = check_private_file(path); !accepted) return accepted.error();
  const int creation = missing == Missing::make ? O_CREAT : 0;
  Descriptor file(
      ::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | creation, private_mode));
  struct stat found {};
  if (file.get() < 0 || ::fstat(file.get(), &found) != 0) return file_error(path, errno);
  if (const auto accepted = check_file(path, found); !accepted) return accepted.error();
  if ((found.st_mode & 07777U) != private_mode && ::fchmod(file.get(), private_mode) != 0)
    return file_error(path, errno);
  if ((found.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    report(path + ": had mode " + octal(found.st_mode) + ", so that others could " +
           ((found.st_mode & S_IWGRP) != 0 ? "write to it, were they in our group" : "read it") +
           "; it has 0600 now");
  return PrivateFile{std::move(file), {found.st_dev, found.st_ino}};
}

LeadsTo where_leads(const std::string& path, const FileIdentity& identity) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0)
    return errno == ENOENT || errno == ENOTDIR ? LeadsTo::nothing : LeadsTo::unknown;
  if (FileIdentity{found.st_dev, found.st_ino} == identity) return LeadsTo::same;
  return S_ISDIR(found.st_mode) ? LeadsTo::folder : LeadsTo::other;
}

bool leads_to(const std::string& path, const FileIdentity& identity) {
  return where_leads(path, identity) == LeadsTo::same;
}

std::optional<FileIdentity> identity_of(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return std::nullopt;
  return FileIdentity{found.st_dev, found.st_ino};
}

}  // namespace roktcached::storage
