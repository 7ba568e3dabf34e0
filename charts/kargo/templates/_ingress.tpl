{{/*
The ingress, where `ingress.enabled`: one rule and one TLS secret for each host.
*/}}
{{- define "kargo.ingress" -}}
{{- $ingress := .Values.ingress | default dict }}
{{- if $ingress.enabled }}
{{- $hosts := include "kargo.hosts" . | fromYamlArray -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ include "kargo.fullname" . }}
  labels:
    {{- include "kargo.labels" . | nindent 4 }}
  {{- with include "kargo.ingressAnnotations" . | fromYaml }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  ingressClassName: {{ $ingress.className | default "nginx" }}
  rules:
    {{- range $hosts }}
    - host: {{ . }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{ include "kargo.fullname" $ }}
                port:
                  name: http
    {{- end }}
  tls:
    {{- range $hosts }}
    - hosts:
        - {{ . }}
      secretName: {{ . }}-tls
    {{- end }}
{{- end }}
{{- end }}

{{/*
The ingress' hosts, a list: the chart's own under `global.subdomain`, then `ingress.extraHosts`.
`ingress.hostOverride` replaces the first part of the chart's own.
*/}}
{{- define "kargo.hosts" -}}
{{- $subdomain := dig "subdomain" "" (.Values.global | default dict) | required "global.subdomain is needed for the ingress: the domain under which the platform's hosts are" }}
{{- $first := .Values.ingress.hostOverride | default .Chart.Name }}
{{- concat (list (printf "%s.%s" $first $subdomain)) (.Values.ingress.extraHosts | default list) | uniq | toYaml }}
{{- end }}

{{/*
The ingress' annotations: cert-manager's issuer of certificates, and those of the values.
*/}}
{{- define "kargo.ingressAnnotations" -}}
{{- $annotations := dict }}
{{- with dig "certIssuer" "" (.Values.global | default dict) }}
  {{- $_ := set $annotations "cert-manager.io/cluster-issuer" . }}
{{- end }}
{{- include "kargo.changed" (list $annotations .Values.ingress.annotations) }}
{{- end }}
