# frozen_string_literal: true

require "flock_of_chefs"

RSpec.describe FlockOfChefs::Api::Registry do
  around do |example|
    described_class.clear
    example.run
  ensure
    described_class.clear
  end

  def api(name, parent = nil, &)
    made = parent ? Class.new(parent) : Class.new { include FlockOfChefs::Api }
    stub_const(name, made)
    made.class_eval(&) if block_given?
    made
  end

  def silent = described_class.silent.map { |entry| entry.implementation.name }
  def offered = described_class.entries.map(&:api)

  it "knows the classes that expose nothing" do
    api("Silent") { def count = 1 }
    api("Human") { expose :count }
    expect([offered, silent]).to eq([["human"], ["Silent"]])
  end

  it "takes a class that inherits for an API, and its parent, which may expose nothing, for a part of it" do
    parent = api("Machine")
    expect(silent).to eq(["Machine"])
    api("Robot", parent) { expose :bend }
    api("Toaster", parent)
    expect([offered, silent]).to eq([["robot"], ["Toaster"]])
  end

  it "does not take a module that others include for one" do
    stub_const("Common", Module.new { include FlockOfChefs::Api })
    expect(silent).to eq([])
  end

  it "knows a class once, however often its file is loaded" do
    2.times { api("Human") { expose :count } }
    expect(described_class.entries.size).to eq(1)
  end
end
