#include <gtest/gtest.h>

#include "storage/memory/memory_store.h"
#include "storage/sqlite/sqlite_store.h"
#include "storage/tiered_store.h"
#include "tests/unit/storage/response_store_contract.h"

namespace roktcached::storage {
namespace {

constexpr std::uint64_t memory_room = std::uint64_t{128} << 20;

std::unique_ptr<SqliteStore> disk(const examples::Folder& folder) {
  SqliteOptions options;
  options.path = folder.file("cache.db");
  options.linger = std::chrono::milliseconds{1};
  return SqliteStore::open(std::move(options)).value();
}

const StoreUnderTest memory_only{
    "Memory", [](const examples::Folder&) { return std::make_unique<MemoryStore>(memory_room); }};
const StoreUnderTest disk_only{"Sqlite", [](const examples::Folder& folder) { return disk(folder); }};
const StoreUnderTest both{"Tiered", [](const examples::Folder& folder) {
                            return std::make_unique<TieredStore>(std::make_unique<MemoryStore>(memory_room),
                                                                 disk(folder));
                          }};
const StoreUnderTest tiered_without_disk{"TieredWithoutDisk", [](const examples::Folder&) {
                                           return std::make_unique<TieredStore>(
                                               std::make_unique<MemoryStore>(memory_room), nullptr);
                                         }};

INSTANTIATE_TEST_SUITE_P(All, ResponseStoreContract,
                         testing::Values(memory_only, disk_only, both, tiered_without_disk),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace roktcached::storage
