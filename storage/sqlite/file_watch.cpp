#include "storage/sqlite/file_watch.h"

#include <unistd.h>

#include <cerrno>

namespace roktcached::storage {

namespace {

std::string said_of(const std::string& path, LeadsTo now) {
  switch (now) {
    case LeadsTo::nothing:
      return path + ": was deleted";
    case LeadsTo::folder:
      return path + ": is a directory now";
    case LeadsTo::other:
      return path + ": was replaced by another file";
    case LeadsTo::same:
    case LeadsTo::unknown:
      break;
  }
  return {};
}

}  // namespace

FileWatch::FileWatch(CacheFile file)
    : file_(std::move(file)), beside_{{{file_.path + "-wal", {}}, {file_.path + "-shm", {}}}} {
  for (Beside& beside : beside_) beside.identity = identity_of(beside.path);
}

std::string FileWatch::look() const {
  std::string said = said_of(file_.path, where_leads(file_.path, file_.identity));
  for (const Beside& beside : beside_) {
    if (said.empty() && beside.identity)
      said = said_of(beside.path, where_leads(beside.path, *beside.identity));
  }
  return said;
}

bool FileWatch::has_moved() const {
  return !said_of(file_.path, where_leads(file_.path, file_.identity)).empty();
}

Result<void> FileWatch::remove_beside() const {
  for (const Beside& beside : beside_) {
    if (!beside.identity) continue;
    const LeadsTo now = where_leads(beside.path, *beside.identity);
    if (now == LeadsTo::unknown) return file_error(beside.path, EIO);
    if (now != LeadsTo::same) continue;
    if (::unlink(beside.path.c_str()) != 0 && errno != ENOENT) return file_error(beside.path, errno);
  }
  return {};
}

}  // namespace roktcached::storage
