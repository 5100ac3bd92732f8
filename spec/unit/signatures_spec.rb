# frozen_string_literal: true

require "tempfile"
require_relative "../../rakelib/doc/signatures"

RSpec.describe Signatures do
  def signatures(text) = described_class.new([Tempfile.new.tap { |file| File.write(file, text) }.path])

  it "are there for every public method and for the extension's" do
    expect(described_class.new.missing).to eq([])
  end

  it "name what is there, and take what it takes" do
    expect(described_class.new.wrong).to eq([])
  end

  it "are missed where there are none" do
    expect(signatures("").missing).to include("FlockOfChefs.[]", "FlockOfChefs::Remote::Node#presence",
                                              "FlockOfChefs::Native::Agent#start", "FlockOfChefs::Recipe::Notifies#remote_notifies")
  end

  it "are wrong when they name nothing, or promise what is not taken" do
    wrong = signatures(<<~RBS).wrong
      module FlockOfChefs
        def self.me: (String name) -> untyped
        def self.absent: () -> void
        def self.search: () -> untyped
        class LocalClient
          def call: (String operation, ?timeout: Integer) -> untyped
        end
        class Nobody
        end
      end
    RBS
    expect(wrong).to contain_exactly(/Nobody: there is no such class/, /\.me: takes/, /\.absent: there is no such/,
                                     /\.search: takes/, /LocalClient#call: takes/)
  end
end
