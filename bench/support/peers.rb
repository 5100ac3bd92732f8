# frozen_string_literal: true

require "fileutils"
require_relative "samples"

module Bench
  # The others, measured in the same run: the nearest that each has to "a change here causes an action there". None is
  # installed by bin/setup; `bin/bench --peers` puts them into a cache of their own, and one that is absent is skipped,
  # with a line.
  module Peers
    NAMES = %w[serf salt].freeze
    CACHE = File.join(ENV.fetch("XDG_CACHE_HOME", File.expand_path("~/.cache")), "flock_of_chefs/peers")

    module_function

    # @param figures [Array<Hash>] ours; the warm `file` of the smallest target is what peers stand beside
    def measure(options, figures)
      ours = figures.find { |figure| figure[:row] == 1 && figure[:warm] && figure[:type] == "file" }
      NAMES.filter_map { |name| figure(name, options, ours) }
    end

    def figure(name, options, ours)
      require_relative "../peers/#{name}"
      peer = const_get(name.capitalize).new(File.join(CACHE, name), options)
      peer.install if options.install_peers? && !peer.installed?
      return warn("skipped #{name}: #{peer.missing}") unless peer.installed?

      warn "measuring #{peer.version}"
      beside(peer.version, peer.what, peer.measure, ours)
    rescue StandardError => e
      warn "skipped #{name}: #{e.message}" # our own figures must not be lost with it
    end

    def beside(version, what, samples, ours)
      p50 = ours[:samples][:p50]
      Bench.figure(row: 1, what: "the same beside #{version}: #{what}", ours: ours[:ours], floor: samples.to_s,
                   ratio: (p50 / samples.p50).round(2), goal: "–", peer: version, floor_samples: samples.to_h)
    end
  end
end
