// CRC-32C against RFC 3720's vectors and against division bit by bit.
#include <cstring>
#include <random>
#include <vector>

#include "check.h"
#include "core/checksum.h"

using namespace hotloop;

namespace {

uint32_t bit_by_bit(const std::vector<uint8_t>& data, size_t begin, size_t end) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = begin; i < end; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc & 1u ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
  }
  return ~crc;
}

std::vector<uint8_t> random_bytes(size_t count) {
  std::mt19937 random(5);
  std::vector<uint8_t> data(count);
  for (uint8_t& byte : data) {
    byte = uint8_t(random());
  }
  return data;
}

}  // namespace

TEST(checksum, known_answers) {
  std::vector<uint8_t> rising(32), falling(32);
  for (int i = 0; i < 32; ++i) {
    rising[size_t(i)] = uint8_t(i);
    falling[size_t(i)] = uint8_t(31 - i);
  }
  for (auto* crc : {crc32c, crc32c_portable}) {
    CHECK_EQUAL(crc("123456789", 9, 0), 0xe3069283u);
    CHECK_EQUAL(crc(std::vector<uint8_t>(32, 0).data(), 32, 0), 0x8a9136aau);
    CHECK_EQUAL(crc(std::vector<uint8_t>(32, 0xff).data(), 32, 0), 0x62a8ab43u);
    CHECK_EQUAL(crc(rising.data(), 32, 0), 0x46dd794eu);
    CHECK_EQUAL(crc(falling.data(), 32, 0), 0x113fdb5cu);
    CHECK_EQUAL(crc(nullptr, 0, 0), 0u);
  }
}

TEST(checksum, all_lengths_and_offsets) {
  const std::vector<uint8_t> data = random_bytes(200'000);
  for (size_t length : {1, 7, 8, 9, 63, 64, 65, 1000, 49151, 49152, 49153, 98304, 98311, 190'000}) {
    for (size_t offset : {0, 1, 5, 8}) {
      const uint32_t expected = bit_by_bit(data, offset, offset + length);
      CHECK_EQUAL(crc32c(data.data() + offset, length), expected);
      CHECK_EQUAL(crc32c_portable(data.data() + offset, length), expected);
    }
  }
}

TEST(checksum, goes_on_from_earlier_bytes) {
  const std::vector<uint8_t> data = random_bytes(120'000);
  const uint32_t whole = crc32c(data.data(), data.size());
  for (size_t cut : {0, 1, 60'000, 119'999, 120'000}) {
    const uint32_t head = crc32c(data.data(), cut);
    CHECK_EQUAL(crc32c(data.data() + cut, data.size() - cut, head), whole);
    CHECK_EQUAL(crc32c_portable(data.data() + cut, data.size() - cut, head), whole);
  }
}

TEST(checksum, every_flipped_bit_is_seen) {
  std::vector<uint8_t> data = random_bytes(60'000);
  const uint32_t whole = crc32c(data.data(), data.size());
  for (size_t bit = 0; bit < data.size() * 8; bit += 1009) {
    data[bit / 8] ^= uint8_t(1u << bit % 8);
    CHECK(crc32c(data.data(), data.size()) != whole);
    data[bit / 8] ^= uint8_t(1u << bit % 8);
  }
}
