# frozen_string_literal: true

require "fileutils"
require_relative "samples"

module Bench
  # The others, measured in the same run: the nearest that each has to what a row is about. None is installed by
  # bin/setup; `bin/bench --peers` puts them into a cache of their own, and one that is absent is skipped, with a line.
  module Peers
    # Beside row 1.
    NAMES = %w[serf salt].freeze
    CACHE = File.join(ENV.fetch("XDG_CACHE_HOME", File.expand_path("~/.cache")), "flock_of_chefs/peers")

    module_function

    # @param figures [Array<Hash>] ours; the warm `file` of the smallest target is what peers stand beside
    def measure(options, figures)
      ours = figures.find { |figure| figure[:row] == 1 && figure[:warm] && figure[:type] == "file" }
      NAMES.filter_map do |name|
        found(name, options) { |peer| beside(peer, ours).merge(part: "notify/#{name}") }
      end
    end

    # @param name [String] of a file of bench/peers
    # @yieldparam peer [Object] that is there
    # @return [Object, nil] what the block returns; nil where it is not there or fails: our figures must not be lost
    def found(name, options)
      require_relative "../peers/#{name}"
      peer = const_get(name.capitalize).new(File.join(CACHE, name), options)
      peer.install if options.install_peers? && !peer.installed?
      return warn("skipped #{name}: #{peer.missing}") unless peer.installed?

      warn "measuring #{peer.version}"
      yield peer
    rescue StandardError => e
      warn "skipped #{name}: #{e.message}"
    end

    def beside(peer, ours)
      samples = peer.measure
      p50 = ours[:samples][:p50]
      Bench.figure(row: 1, what: "the same beside #{peer.version}: #{peer.what}", ours: ours[:ours],
                   floor: samples.to_s, ratio: (p50 / samples.p50).round(2), goal: "–", peer: peer.version,
                   floor_samples: samples.to_h)
    end
  end
end
