# frozen_string_literal: true

require "tmpdir"
require "support/chef_log"
require "flock_of_chefs/run/journal_file"

RSpec.describe FlockOfChefs::Run::JournalFile do
  include ChefLog

  around { |example| Dir.mktmpdir { |dir| (@dir = dir) && example.run } }

  def journal(number = 1) = described_class.new(@dir, number)
  def path(number = 1) = File.join(@dir, "journal", "#{number}.jsonl")

  it "is made with its first line; an end alone makes none" do
    journal.close({ end: "failed" })
    expect(described_class.numbers(@dir)).to eq []
    one = journal
    one.append({ n: 1 })
    one.append({ n: 2 })
    one.close({ end: "succeeded" })
    expect(File.read(path)).to eq %({"n":1}\n{"n":2}\n{"end":"succeeded"}\n)
  end

  it "writes a line by one call and syncs it before it returns" do
    calls = []
    allow(File).to receive(:open).and_wrap_original do |original, *arguments|
      original.call(*arguments).tap do |file|
        allow(file).to(receive(:syswrite).and_wrap_original { |write, line| (calls << line) && write.call(line) })
        allow(file).to receive(:fdatasync) { calls << :synced }
      end
    end
    journal.append({ n: 1 })
    expect(calls).to eq ["{\"n\":1}\n", :synced]
  end

  it "takes back a piece of a line" do
    one = journal
    one.append({ n: 1 })
    file = one.instance_variable_get(:@file)
    allow(file).to(receive(:syswrite).and_wrap_original { |write, line| write.call(line[0, 3]) })
    expect { one.append({ n: 2 }) }.to raise_error(Errno::ENOSPC)
    allow(file).to receive(:syswrite).and_call_original
    one.append({ n: 2 })
    expect(File.read(path)).to eq %({"n":1}\n{"n":2}\n)
  end

  it "never goes on with another run's file, but takes the next number" do
    [1, 2, 3].each { |n| journal.append({ n: n }) }
    expect([1, 2, 3].map { |number| File.read(path(number)) }).to eq %W[{"n":1}\n {"n":2}\n {"n":3}\n]
    stub_const("#{described_class}::NUMBERS", 3)
    expect { journal.append({ n: 4 }) }.to raise_error(Errno::EEXIST)
  end

  it "is held by its run until that ends" do
    one = journal
    one.append({ n: 1 })
    let_go = -> { File.open(path) { |file| file.flock(File::LOCK_EX | File::LOCK_NB) } }
    expect(let_go.call).to be false
    one.close({ end: "succeeded" })
    expect(let_go.call).to eq 0
  end

  it "names the runs in their order" do
    [10, 9, 100].each { |number| journal(number).append({}) }
    File.write(File.join(@dir, "journal", "watched"), "[]")
    expect(described_class.numbers(@dir)).to eq [9, 10, 100]
  end

  it "removes the oldest when no agent reads them, and says so" do
    stub_const("#{described_class}::FILES", 2)
    log = chef_log { [8, 9, 10, 11].each { |number| journal(number).append({}) } }
    expect(described_class.numbers(@dir)).to eq [10, 11]
    expect(log.scan("no agent has read the journals of 2 runs").size).to eq 2
  end
end
